/** Small pictures, drawn on a grid of 16 by 16. They say nothing to a screen reader: text stands beside them. */

import { s } from "./dom.js";

const PATHS = {
  overview: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z",
  chargePoints: "M3 14V3a1 1 0 0 1 1-1h5a1 1 0 0 1 1 1v11M1.5 14h10M10 8h1a1 1 0 0 1 1 1v2.2a1.2 1.2 0 0 0 2.5 0V6L12 3.5"
    + "M7.2 4.5 5.2 7.7h2.6L6 11",
  transactions: "M2 2v12h12M4.5 11l2.5-4 2.5 2 4-6",
  idTags: "M2 2h5.5L14 8.5 8.5 14 2 7.5zM5 5h.01",
  reservations: "M2.5 3.5h11v10h-11zM2.5 6.7h11M5.5 2v3M10.5 2v3",
  profiles: "M2 4h6M11.5 4H14M8 2.5h3v3H8zM2 12h2.5M8 12h6M4.5 10.5h3v3h-3zM2 8h12",
  calls: "M2 5h11M10 2l3 3-3 3M14 11H3M6 8l-3 3 3 3",
  security: "M8 1.5l5.5 2v4c0 3.5-2.3 5.8-5.5 7-3.2-1.2-5.5-3.5-5.5-7v-4z",
  changes: "M8 4.5V8l2.5 1.5M2.6 7A5.5 5.5 0 1 1 3 10.5M2 3.5V7h3.5",
  menu: "M2 4h12M2 8h12M2 12h12",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  sorted: "M8 13V3M4 7l4-4 4 4",
  sortedDown: "M8 3v10M4 9l4 4 4-4",
  plus: "M8 3v10M3 8h10",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
  ok: "M2.5 8.5l3.5 3.5 7.5-8",
  active: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  wait: "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M8 4.5V8l2.5 1.5",
  warn: "M8 1.8 15 14H1zM8 6v3.5M8 11.7v.1",
  fault: "M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3L1.5 10.7V5.3zM5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6",
  off: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M5.5 8h5",
  in: "M13 3 4 12M4 5v7h7",
  out: "M3 13l9-9M5 4h7v7",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return s("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: PATHS[name] }));
}

/** The mark of the project. */
export function mark() {
  return s("svg", { viewBox: "0 0 32 32", "aria-hidden": "true" }, s("rect", { width: 32, height: 32, rx: 7 }),
    s("path", { d: "M18.5 4 8 18h6.5L13 28l11-15h-7z" }));
}
