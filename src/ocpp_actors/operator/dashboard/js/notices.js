/** Short messages about what was done; a screen reader says them. */

import { h } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN = 8_000;
const area = h("div", { class: "notices", role: "status", "aria-live": "polite" });

/** Where notices appear; it belongs into the page once. */
export const noticeArea = () => area;

/** @param {string} text @param {import("./status.js").Tone} [tone] faults stay until they are closed */
export function notify(text, tone = "ok") {
  const notice = h("div", { class: `notice tone-${tone}` }, h("span", {}, text),
    h("button", { type: "button", class: "button button-small button-quiet", "aria-label": "Dismiss", onclick: () => notice.remove() },
      icon("close")));
  area.append(notice);
  if (tone !== "fault") setTimeout(() => notice.remove(), SHOWN);
}
