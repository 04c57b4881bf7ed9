/** Reservations, and cancelling them. */

import { path, Problem, request } from "../api.js";
import { confirm } from "../dialog.js";
import { time } from "../format.js";
import { listPage } from "../list_page.js";
import { notify } from "../notices.js";
import { chargePointField, select } from "../pickers.js";
import { hash } from "../router.js";
import { reservationBadge } from "../status.js";
import { button, buttonLink, chargePointLink, empty, link } from "../ui.js";

const OPEN = ["Requested", "Accepted", "Unknown"];

/** @param {import("../page_context.js").Context} context */
export function reservations(context) {
  return listPage(context, {
    head: {
      title: "Reservations",
      actions: buttonLink("Reserve", hash(["new-reservation"], { chargePoint: context.query.get("chargePoint") }), { kind: "primary", icon: "plus" }),
    },
    where: "reservations",
    key: (item) => String(item.id),
    noun: "reservation",
    filters: (changed) => [
      { name: "chargePoint", ...chargePointField({ value: context.query.get("chargePoint") ?? "", changed, signal: context.signal }) },
      { name: "active", ...select({ label: "State", value: context.query.get("active") ?? "", changed, pairs: [["", "All"], ["true", "Open"], ["false", "Past"]] }) },
    ],
    empty: (filtered) => empty(filtered ? "No reservation matches." : "There are no reservations."),
    wanted: (event) => event.type === "reservation",
    columns: [
      { label: "Reservation", head: true, sort: "descending", cell: (item) => `No. ${item.id}` },
      { label: "State", cell: (item) => reservationBadge(item.status) },
      { label: "Charge point", cell: (item) => chargePointLink(item.chargePoint) },
      { label: "Connector", class: "number", cell: (item) => (item.connectorId === 0 ? "any" : String(item.connectorId)) },
      { label: "Id tag", cell: (item) => item.idTag },
      { label: "Parent", cell: (item) => item.parentIdTag },
      { label: "Until", class: "time", cell: (item) => time(item.expiryDate) },
      { label: "Transaction", cell: (item) => item.transactionId && link(`No. ${item.transactionId}`, ["transactions", String(item.transactionId)]) },
      { label: "Actions", blank: true, class: "end", cell: (item) => OPEN.includes(item.status) && cancelButton(item) },
    ],
  });
}

function cancelButton({ id, chargePoint, idTag }) {
  const cancel = async () => {
    const text = `${idTag} loses its place at ${chargePoint}.`;
    if (!(await confirm({ title: `Cancel reservation ${id}?`, text, action: "Cancel the reservation" }))) return;
    try {
      await request("DELETE", path`reservations/${id}`);
      notify(`Reservation ${id} was cancelled.`);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      notify(`Reservation ${id} was not cancelled: ${problem.message}`, "fault");
    }
  };
  const element = button("Cancel", cancel, { small: true });
  element.setAttribute("aria-label", `Cancel reservation ${id}`);
  return element;
}
