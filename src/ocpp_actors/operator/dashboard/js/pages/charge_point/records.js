/** What was: transactions, reservations and security events of the charge point. */

import { get } from "../../api.js";
import { h } from "../../dom.js";
import { time, words } from "../../format.js";
import { reservationBadge } from "../../status.js";
import { pagedTable } from "../../table.js";
import { empty, link, panel } from "../../ui.js";
import { transactionColumns } from "../transactions.js";

const RESERVATIONS = [
  { label: "Reservation", head: true, cell: (item) => `No. ${item.id}` },
  { label: "State", cell: (item) => reservationBadge(item.status) },
  { label: "Connector", class: "number", cell: (item) => (item.connectorId === 0 ? "any" : String(item.connectorId)) },
  { label: "Id tag", cell: (item) => item.idTag },
  { label: "Until", class: "time", cell: (item) => time(item.expiryDate) },
];
const SECURITY = [
  { label: "Event", head: true, cell: (item) => item.type },
  { label: "Received", class: "time", sort: "descending", cell: (item) => time(item.receivedAt) },
  { label: "Told by", cell: (item) => words(item.origin) },
  { label: "Details", class: "wide", cell: (item) => item.techInfo },
];

/** @param {import("../charge_point.js").Section} section */
export async function records(section) {
  const { identity } = section;
  const byId = (item) => String(item.id);
  const tables = await Promise.all([
    rows(section, "transactions", transactionColumns({ chargePoint: false }), byId, ["transaction", "meterValues"]),
    rows(section, "reservations", RESERVATIONS, byId, ["reservation"]),
    rows(section, "security-events", SECURITY, (item) => JSON.stringify(item), ["securityEvent"]),
  ]);
  const parts = [["Transactions", "transactions"], ["Reservations", "reservations"], ["Security events", "security-events"]];
  return h("div", { class: "stack" }, parts.map(([title, place], index) =>
    panel(title, { flush: true, actions: link("All", [place], { chargePoint: identity }) }, tables[index])));
}

async function rows({ identity, signal, keepFresh }, place, columns, key, types) {
  const noun = place.replace("-", " ").replace(/s$/, "");
  const table = pagedTable({
    caption: `${words(noun)}s of ${identity}`, columns, key, noun,
    load: (cursor) => get(place, { chargePoint: identity, limit: 20, cursor }, signal),
    empty: () => empty(`There are no ${noun}s.`),
  });
  await table.refresh();
  keepFresh((event) => types.includes(event.type), table.refresh);
  return table.element;
}
