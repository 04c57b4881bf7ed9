/** Controls that several pages filter and choose with. */

import { get } from "./api.js";
import { fill, h, newId } from "./dom.js";
import { options } from "./inputs.js";
import { afterPause } from "./throttle.js";
import { filter } from "./ui.js";

const PAUSE = 250;

/**
 * A search field; `changed` is called when typing has paused.
 *
 * @param {{label: string, value: string, placeholder?: string, changed: () => void}} settings
 */
export function search({ label, value, placeholder = "", changed }) {
  const control = h("input", { id: newId("search"), class: "input", type: "search", value, placeholder, maxlength: 100, autocomplete: "off",
    spellcheck: "false", oninput: afterPause(PAUSE, changed) });
  return { element: filter(label, control, "field-search"), value: () => control.value.trim() };
}

/**
 * A choice among a few.
 *
 * @param {{label: string, pairs: [string, string][], value: string, changed: () => void}} settings
 */
export function select({ label, pairs, value, changed }) {
  const control = h("select", { id: newId("select"), class: "input", onchange: changed }, options(pairs, value));
  return { element: filter(label, control), value: () => control.value };
}

/**
 * A field for an identity, which suggests those that match what is typed.
 *
 * @param {{label?: string, value: string, changed?: () => void, signal: AbortSignal}} settings
 */
export function chargePointField({ label = "Charge point", value, changed = () => {}, signal }) {
  const list = h("datalist", { id: newId("charge-points") });
  const control = h("input", { id: newId("charge-point"), class: "input", value, list: list.id, autocomplete: "off", spellcheck: "false" });
  const suggest = async () => {
    try {
      const { items } = await get("charge-points", { search: control.value.trim(), limit: 20 }, signal);
      fill(list, items.map(({ identity }) => h("option", { value: identity })));
    } catch {
      fill(list);
    }
  };
  control.addEventListener("focus", suggest, { once: true });
  control.addEventListener("input", afterPause(PAUSE, () => {
    suggest();
    changed();
  }));
  const element = filter(label, control);
  element.append(list);
  return { element, control, value: () => control.value.trim() };
}
