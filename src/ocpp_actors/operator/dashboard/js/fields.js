/**
 * Fields made from a JSON Schema: single ones, objects, arrays; each knows its value and shows what is wrong with it.
 *
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {() => unknown} read undefined: left out
 * @property {() => boolean} check shows what is wrong in it; true: nothing is
 * @property {(path: string[], message: string) => boolean} show puts a message at the place of a JSON pointer; false: there is none
 * @property {() => void} clear takes all messages away
 *
 * @typedef {object} Options
 * @property {string} name
 * @property {boolean} required
 * @property {unknown} [value]
 * @property {string | HTMLElement} [label] an element may change; only a required field that is no array takes one
 * @property {(name: string) => (string | number)[]} [suggest] what may be typed into a field of this name
 */

import { fill, h, newId } from "./dom.js";
import { words } from "./format.js";
import { HINTS } from "./hints.js";
import { icon } from "./icons.js";
import { input } from "./inputs.js";
import { button } from "./ui.js";

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/**
 * @param {Record<string, any>} schema
 * @param {Options} options
 * @returns {Field}
 */
export function field(schema, options) {
  if (schema.type === "object") return options.required ? group(schema, options) : optionalGroup(schema, options);
  if (schema.type === "array") return list(schema, options);
  return single(schema, options);
}

/** The fields of an object's properties, without a frame. @param {Record<string, any>} schema @param {Partial<Options>} options */
export function properties(schema, { value = {}, suggest }) {
  const required = schema.required ?? [];
  const names = Object.keys(schema.properties ?? {});
  const parts = names.map((name) =>
    field(schema.properties[name], { name, required: required.includes(name), value: value?.[name], suggest }));
  const byName = new Map(names.map((name, index) => [name, parts[index]]));
  return {
    element: h("div", { class: "fields" }, parts.map((part) => part.element)),
    read() {
      const entries = names.map((name, index) => [name, parts[index].read()]);
      return Object.fromEntries(entries.filter(([, each]) => each !== undefined));
    },
    check: () => parts.map((part) => part.check()).every(Boolean),
    show: ([first, ...rest], message) => byName.get(first)?.show(rest, message) ?? false,
    clear: () => parts.forEach((part) => part.clear()),
  };
}

function single(schema, { name, required, value, label = words(name), suggest }) {
  const id = newId(name);
  const box = schema.type === "boolean" && required;
  const part = input(schema, { id, required, value, suggestions: suggest?.(name) });
  const error = h("p", { class: "field-error", id: `${id}-error` });
  const hint = hintOf(schema, name);
  const wide = part.control.tagName === "TEXTAREA" ? "field field-wide" : "field";
  const text = [label, !required && h("span", { class: "optional" }, " (optional)")];
  part.control.setAttribute("aria-describedby", [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" "));
  if (required && !box) part.control.setAttribute("aria-required", "true");
  const element = h("div", { class: wide },
    box ? h("div", { class: "check" }, part.control, h("label", { for: id }, text))
      : [h("label", { for: id }, text), part.control, part.list],
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    error);

  function show(message) {
    fill(error, message && [icon("warn"), message]);
    if (message) part.control.setAttribute("aria-invalid", "true");
    else part.control.removeAttribute("aria-invalid");
  }
  function check() {
    const fault = part.fault() ?? (required && part.read() === undefined ? "This is needed." : null);
    show(fault);
    return fault === null;
  }
  part.control.addEventListener("change", check);
  part.control.addEventListener("input", () => {
    if (part.control.ariaInvalid === "true") check();
  });
  return {
    element,
    read: () => part.read(),
    check,
    show: (path, message) => {
      show(message);
      return true;
    },
    clear: () => show(null),
  };
}

function hintOf(schema, name) {
  if (schema.format === "date-time") return `Your time, ${ZONE}`;
  return schema.hint ?? HINTS[name] ?? null;
}

function group(schema, { name, value, label = schema.title ?? words(name), suggest }) {
  const inner = properties(schema, { value, suggest });
  const error = h("p", { class: "field-error" });
  const element = h("fieldset", { class: "group field-wide" }, h("legend", {}, label), inner.element, error);
  return { ...inner, element, ...messages(inner, error) };
}

function optionalGroup(schema, options) {
  const { name, label = words(name) } = options;
  const element = h("div", { class: "field-wide" });
  /** @type {Field | null} */
  let inner = null;
  function add(value) {
    inner = group(schema, { ...options, value, label });
    const remove = button(`Remove ${label.toLowerCase()}`, () => {
      inner = null;
      fill(element, addButton);
      addButton.focus();
    }, { small: true });
    inner.element.append(h("div", { class: "actions" }, remove));
    fill(element, inner.element);
  }
  const addButton = button(`Add ${label.toLowerCase()}`, () => {
    add(undefined);
    element.querySelector("input, select, textarea")?.focus();
  }, { small: true, icon: "plus" });
  if (options.value === undefined || options.value === null) fill(element, addButton);
  else add(options.value);
  return {
    element,
    read: () => inner?.read(),
    check: () => inner?.check() ?? true,
    show(path, message) {
      if (inner === null) add(undefined);
      return inner.show(path, message);
    },
    clear: () => inner?.clear(),
  };
}

function list(schema, { name, required, value, label = words(name), suggest }) {
  const simple = schema.items?.type !== "object";
  /** @type {{part: Field, itemLabel: HTMLElement, remove: HTMLElement}[]} */
  let rows = [];
  const items = h("div", { class: "items" });
  const error = h("p", { class: "field-error" });
  function add(each) {
    const itemLabel = h("span", {});
    const part = field(schema.items ?? {}, { name, required: true, value: each, label: itemLabel, suggest });
    const remove = button("", () => {
      rows = rows.filter((row) => row.part !== part);
      item.remove();
      renumber();
      addButton.focus();
    }, { small: true, icon: "close" });
    const item = h("div", { class: "item" }, part.element, remove);
    rows.push({ part, itemLabel, remove });
    items.append(item);
    renumber();
    return part;
  }
  function renumber() {
    rows.forEach(({ itemLabel, remove }, index) => {
      itemLabel.textContent = `${label} ${index + 1}`;
      remove.setAttribute("aria-label", `Remove ${itemLabel.textContent}`);
    });
  }
  const addButton = button("Add", () => add(undefined).element.querySelector("input, select, textarea")?.focus(),
    { small: true, icon: "plus" });
  addButton.setAttribute("aria-label", `Add ${label}`);
  (value ?? (required && !simple ? [undefined] : [])).forEach((each) => add(each));
  const inner = {
    read: () => (rows.length > 0 || required ? rows.map(({ part }) => part.read()) : undefined),
    check() {
      const least = schema.minItems ?? 0;
      fill(error, rows.length < least && [icon("warn"), `At least ${least} needed.`]);
      return rows.map(({ part }) => part.check()).every(Boolean) && rows.length >= least;
    },
    show: ([index, ...rest], message) => rows[Number(index)]?.part.show(rest, message) ?? false,
    clear: () => rows.forEach(({ part }) => part.clear()),
  };
  const element = h("fieldset", { class: "group field-wide" },
    h("legend", {}, label, !required && h("span", { class: "optional muted" }, " (optional)")), items, error,
    h("div", { class: "actions" }, addButton));
  return { ...inner, element, ...messages(inner, error) };
}

/** A message for the whole goes to its own line, others to the parts. */
function messages(inner, error) {
  return {
    show(path, message) {
      if (path.length > 0 && inner.show(path, message)) return true;
      fill(error, [icon("warn"), message]);
      return true;
    },
    clear() {
      fill(error);
      inner.clear();
    },
  };
}
