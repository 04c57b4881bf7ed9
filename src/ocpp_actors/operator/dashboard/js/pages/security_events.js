/** What charge points and the server noticed of security. */

import { known, time, words } from "../format.js";
import { listPage } from "../list_page.js";
import { chargePointField, search, select } from "../pickers.js";
import { chargePointLink, empty } from "../ui.js";

const ORIGINS = ["chargePoint", "centralSystem"];

/** @param {import("../page_context.js").Context} context */
export function securityEvents(context) {
  const given = (name) => context.query.get(name) ?? "";
  return listPage(context, {
    head: { title: "Security events", lead: "What charge points reported, and what the server noticed: who was not let in, and why." },
    where: "security-events",
    key: (item) => JSON.stringify(item),
    noun: "event",
    filters: (changed) => [
      { name: "chargePoint", ...chargePointField({ value: given("chargePoint"), changed, signal: context.signal }) },
      { name: "type", ...search({ label: "Event", value: given("type"), placeholder: "Its whole name", changed }) },
      { name: "origin", ...select({ label: "Told by", value: given("origin"), changed, pairs: [["", "All"], ...ORIGINS.map((each) => [each, words(each)])] }) },
    ],
    empty: (filtered) => empty(filtered ? "No event matches." : "No security event was reported."),
    wanted: (event) => event.type === "securityEvent",
    columns: [
      { label: "Event", head: true, cell: (item) => item.type },
      { label: "Charge point", cell: (item) => (item.chargePoint ? chargePointLink(item.chargePoint) : known(null)) },
      { label: "Received", class: "time", sort: "descending", cell: (item) => time(item.receivedAt) },
      { label: "Happened", class: "time", cell: (item) => time(item.timestamp) },
      { label: "Told by", cell: (item) => words(item.origin) },
      { label: "Details", class: "wide", cell: (item) => item.techInfo },
    ],
  });
}
