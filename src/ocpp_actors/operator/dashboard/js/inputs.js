/**
 * Controls for single values: what is read out of them, and what is wrong with that.
 *
 * @typedef {object} Input
 * @property {HTMLElement} control
 * @property {() => unknown} read undefined: left out
 * @property {() => string | null} fault what is wrong with what was typed; not whether it is missing
 */

import { h, newId } from "./dom.js";
import { number as formatted } from "./format.js";

const LONG = 255;

/**
 * @param {Record<string, any>} schema
 * @param {{id: string, required: boolean, value: unknown, suggestions?: (string | number)[]}} options
 * @returns {Input}
 */
export function input(schema, options) {
  if (schema.enum) return choice(schema, options);
  if (schema.type === "boolean") return yesOrNo(options);
  if (schema.type === "integer" || schema.type === "number") return number(schema, options);
  if (schema.format === "date-time") return dateTime(options);
  if (schema.type === "string") return text(schema, options);
  return json(options);
}

/** Options of a select: pairs of value and text. */
export function options(pairs, chosen = "") {
  return pairs.map(([value, label]) => h("option", { value, selected: value === chosen }, label));
}

/** A date-time of the API as a datetime-local control has it. @param {string} iso */
function toLocal(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function choice({ enum: values }, { id, required, value }) {
  const first = required ? "Choose…" : "Not given";
  const control = h("select", { id, class: "input" },
    options([["", first], ...values.map((each) => [String(each), String(each)])], String(value ?? "")));
  return { control, read: () => control.value || undefined, fault: () => null };
}

function yesOrNo({ id, required, value }) {
  if (required) {
    const control = h("input", { id, type: "checkbox", checked: value === true });
    return { control, read: () => control.checked, fault: () => null };
  }
  const control = h("select", { id, class: "input" },
    options([["", "Not given"], ["true", "Yes"], ["false", "No"]], value === undefined ? "" : String(value)));
  return { control, read: () => (control.value ? control.value === "true" : undefined), fault: () => null };
}

function number(schema, { id, value, suggestions }) {
  const whole = schema.type === "integer";
  const low = schema.minimum ?? -Infinity;
  const high = schema.maximum ?? Infinity;
  const { control, list } = typed(id, { type: "number", inputmode: whole && low >= 0 ? "numeric" : "text",
    step: schema.multipleOf ?? (whole ? 1 : "any"), min: Math.abs(low) < 1e15 ? low : null, max: Math.abs(high) < 1e15 ? high : null,
    value: value ?? null }, suggestions);
  return {
    control,
    list,
    read: () => (control.value === "" ? undefined : Number(control.value)),
    fault() {
      if (control.validity.badInput) return whole ? "Give a whole number." : "Give a number.";
      if (control.value === "") return null;
      const given = Number(control.value);
      if (whole && !Number.isInteger(given)) return "Give a whole number.";
      if (given < low) return `Give ${formatted(low)} or more.`;
      if (given > high) return `Give ${formatted(high)} or less.`;
      const steps = given / (schema.multipleOf ?? given);
      return schema.multipleOf && Math.abs(steps - Math.round(steps)) > 1e-6 * Math.max(1, Math.abs(steps))
        ? `Give a multiple of ${schema.multipleOf}.` : null;
    },
  };
}

function dateTime({ id, value }) {
  const control = h("input", { id, class: "input", type: "datetime-local", step: 1, value: value ? toLocal(String(value)) : null });
  const before = control.value;
  return {
    control,
    read: () => {
      if (control.value === "") return undefined;
      return control.value === before && value ? value : new Date(control.value).toISOString();
    },
    fault: () => (control.validity.badInput ? "Give a whole date and time." : null),
  };
}

function text(schema, { id, value, suggestions }) {
  const most = schema.maxLength ?? Infinity;
  const long = most > LONG && schema.format !== "uri";
  const { control, list } = long
    ? { control: h("textarea", { id, class: "input", spellcheck: "false" }, value ?? "") }
    : typed(id, { type: schema.format === "uri" ? "url" : "text", autocomplete: "off", spellcheck: "false", value: value ?? null }, suggestions);
  return {
    control,
    list,
    read: () => (control.value === "" ? undefined : control.value),
    fault() {
      const length = [...control.value].length;
      if (length > most) return `At most ${formatted(most)} characters; these are ${formatted(length)}.`;
      return schema.format === "uri" && control.value && !URL.canParse(control.value)
        ? "Give a whole address, such as ftp://host/folder." : null;
    },
  };
}

function json({ id, value }) {
  const control = h("textarea", { id, class: "input", spellcheck: "false" }, value === undefined ? "" : JSON.stringify(value, null, 2));
  const parsed = () => JSON.parse(control.value);
  return {
    control,
    read: () => (control.value.trim() === "" ? undefined : parsed()),
    fault() {
      try {
        if (control.value.trim() !== "") parsed();
        return null;
      } catch (error) {
        return `This is no JSON: ${error.message}`;
      }
    },
  };
}

function typed(id, attributes, suggestions = []) {
  const list = suggestions.length
    ? h("datalist", { id: newId("suggestions") }, suggestions.map((each) => h("option", { value: each }))) : null;
  return { control: h("input", { id, class: "input", list: list?.id, ...attributes }), list };
}
