/** Power and energy of a transaction over time, live while it runs. */

import { get, path } from "./api.js";
import { fill, h } from "./dom.js";
import { energyText, powerText, time } from "./format.js";
import { linePlot } from "./plot.js";
import { inOrder, readings } from "./samples.js";
import { table } from "./table.js";

const PAGE = 1000;
const MOST_PAGES = 20;
const MOST_ROWS = 200;

/**
 * @param {{id: number, meterStart: number, startedAt: string}} transaction
 * @param {{signal: AbortSignal, live: (listener: (batch: any[]) => void) => void}} context
 */
export async function loadCurve(transaction, { signal, live }) {
  const power = linePlot({ title: "Power", kind: "power", unit: "kW", factor: 0.001, text: powerText });
  const energy = linePlot({ title: "Energy charged", kind: "energy", unit: "kWh", factor: 0.001, text: energyText });
  const values = h("div", {});
  const details = h("details", { ontoggle: draw }, h("summary", {}, "Readings as a table"), values);
  let all = [];

  async function load() {
    const found = [];
    let cursor = null;
    for (let count = 0; count < MOST_PAGES; count += 1) {
      const where = path`transactions/${transaction.id}/meter-values`;
      const { items, nextCursor } = await get(where, { limit: PAGE, cursor }, signal);
      found.push(...items.flatMap(readings));
      cursor = nextCursor;
      if (cursor === null) break;
    }
    all = inOrder(found);
    draw();
  }

  function draw() {
    const charged = (reading) => (reading.energyWh === null ? null : reading.energyWh - transaction.meterStart);
    power.update(points(all, (reading) => reading.powerW));
    energy.update(points(all, charged));
    if (!details.open) return;
    const columns = [
      { label: "Time", head: true, class: "time", cell: (item) => time(new Date(item.at).toISOString()) },
      { label: "Power", class: "number", cell: (item) => item.powerW !== null && powerText(item.powerW) },
      { label: "Energy charged", class: "number", cell: (item) => item.energyWh !== null && energyText(charged(item)) },
    ];
    fill(values, table({ caption: "Readings, newest first", columns, items: all.slice(-MOST_ROWS).reverse(), cards: false }));
  }

  await load();
  live((batch) => {
    const fresh = batch.filter((event) => event.type === "meterValues" && event.transactionId === transaction.id);
    if (batch.some((event) => event.type === "refresh")) load().catch(() => {});
    if (fresh.length === 0) return;
    all = inOrder([...all, ...fresh.map((event) => (
      { at: Date.parse(event.at), energyWh: event.energyWh ?? null, powerW: event.powerW ?? null }))]);
    draw();
  });
  return h("div", { class: "stack" }, h("div", { class: "plots" }, power.element, energy.element), details);
}

/** Readings of one measurand; a message that tells only the other one makes no gap. */
function points(all, value) {
  return all.map((reading) => ({ x: reading.at, y: value(reading) })).filter((point) => point.y !== null);
}
