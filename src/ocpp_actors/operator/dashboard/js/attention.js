/** Charge points that report a fault. */

import { h } from "./dom.js";
import { time } from "./format.js";
import { connectorBadge } from "./status.js";
import { table } from "./table.js";
import { chargePointLink, link, panel } from "./ui.js";

/** What lists them. */
export const FAULTED = { faulted: true };

const MOST_ROWS = 20;
const COLUMNS = [
  { label: "Charge point", head: true, cell: (item) => [chargePointLink(item.identity),
    h("span", { class: "below" }, item.connectorId === 0 ? "as a whole" : `connector ${item.connectorId}`)] },
  { label: "Status", cell: (item) => connectorBadge(item.status) },
  { label: "Error", cell: (item) => {
    const more = [item.vendorErrorCode, item.info].filter(Boolean).join(", ");
    return [item.errorCode !== "NoError" && item.errorCode, more && h("span", { class: "below" }, more)].map((part) => part || null);
  } },
  { label: "Since", class: "time", cell: (item) => time(item.timestamp ?? item.receivedAt) },
];

/** A panel with what is faulted at these charge points; null where nothing is. @param {any[]} chargePoints */
export function attention(chargePoints) {
  const items = chargePoints.flatMap(({ identity, connectors }) => connectors
    .filter(({ status, errorCode }) => status === "Faulted" || errorCode !== "NoError")
    .map((connector) => ({ identity, ...connector })));
  if (items.length === 0) return null;
  return panel("Needs attention", { flush: true, actions: link("All that are faulted", ["charge-points"], FAULTED) },
    table({ caption: "Reported faults", columns: COLUMNS, items: items.slice(0, MOST_ROWS) }));
}
