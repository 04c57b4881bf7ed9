/** What charge points and the server noticed of security. */

import { known, time, words } from "../format.js";
import { listPage } from "../list_page.js";
import { chargePointField } from "../pickers.js";
import { chargePointLink, empty } from "../ui.js";

/** @param {import("../page_context.js").Context} context */
export function securityEvents(context) {
  return listPage(context, {
    head: { title: "Security events" },
    where: "security-events",
    key: (item) => JSON.stringify(item),
    noun: "event",
    filters: (changed) => [
      { name: "chargePoint", ...chargePointField({ value: context.query.get("chargePoint") ?? "", changed, signal: context.signal }) },
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
