/** Charge points that report a fault. The API has no filter for them, so they are looked for page by page, seldom. */

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { time } from "./format.js";
import { connectorBadge } from "./status.js";
import { table } from "./table.js";
import { atMostEvery } from "./throttle.js";
import { chargePointLink, panel } from "./ui.js";

const PAGE = 1000;
const MOST_PAGES = 10;
const MOST_ROWS = 20;
const LEAST_BETWEEN = 10_000;
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

/**
 * A panel that is there while a charge point reports a fault.
 *
 * @param {import("./page_context.js").Context} context
 * @returns {{element: HTMLElement, update: (faulted: number) => void}}
 */
export function attention({ signal, guard }) {
  const content = h("div", {});
  const more = h("p", { class: "table-foot muted" });
  const element = h("div", { hidden: true }, panel("Needs attention", { flush: true }, content, more));
  let expected = 0;
  const look = atMostEvery(LEAST_BETWEEN, () => guard(async () => {
    const items = expected > 0 ? await faults(expected, signal) : [];
    element.hidden = items.length === 0;
    fill(content, table({ caption: "Reported faults", columns: COLUMNS, items: items.slice(0, MOST_ROWS) }));
    more.hidden = items.length <= MOST_ROWS;
    more.textContent = `and ${items.length - MOST_ROWS} more`;
  }));
  return {
    element,
    update(faulted) {
      expected = faulted;
      if (faulted > 0 || !element.hidden) look();
    },
  };
}

/** Connectors with a fault, of as many charge points as are known to have one. */
async function faults(expected, signal) {
  const found = [];
  let cursor = null;
  let points = 0;
  for (let page = 0; page < MOST_PAGES && points < expected; page += 1) {
    const { items, nextCursor } = await get("charge-points", { limit: PAGE, cursor }, signal);
    for (const { identity, connectors } of items) {
      const faulty = connectors.filter(({ status, errorCode }) => status === "Faulted" || (errorCode && errorCode !== "NoError"));
      if (faulty.length > 0) points += 1;
      found.push(...faulty.map((connector) => ({ identity, ...connector })));
    }
    cursor = nextCursor;
    if (cursor === null) break;
  }
  return found;
}
