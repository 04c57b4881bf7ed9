/** The parts that pages are made of. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { hash } from "./router.js";

/** @typedef {import("./dom.js").Child} Child */

/** @param {string} text @param {EventListener} onclick @param {{kind?: string, icon?: string, small?: boolean}} [look] */
export function button(text, onclick, { kind = "", icon: name = "", small = false } = {}) {
  return h("button", { type: "button", class: classes(kind, small), onclick }, name && icon(name), text);
}

/** A link that looks like a button. @param {string} text @param {string} href @param {{kind?: string, icon?: string, small?: boolean}} [look] */
export function buttonLink(text, href, { kind = "", icon: name = "", small = false } = {}) {
  return h("a", { href, class: classes(kind, small) }, name && icon(name), text);
}

function classes(kind, small) {
  return ["button", kind && `button-${kind}`, small && "button-small"].filter(Boolean).join(" ");
}

/** A link to a place in the dashboard. @param {Child} text @param {string[]} segments @param {object} [query] */
export function link(text, segments, query = {}) {
  return h("a", { href: hash(segments, query) }, text);
}

/** A link to a charge point. @param {string} identity */
export const chargePointLink = (identity) => link(identity, ["charge-points", identity]);

/**
 * A whole page: its title, what stands beside and under it, and its content.
 *
 * @param {{title: string, lead?: Child, crumbs?: Child, actions?: Child}} head
 * @param {...Child} content
 */
export function page({ title, lead, crumbs, actions }, ...content) {
  const heading = h("div", {}, crumbs && h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, crumbs),
    h("h1", { tabindex: -1 }, title), lead && h("div", { class: "lead" }, lead));
  const element = h("div", { class: "page" },
    h("div", { class: "page-head" }, heading, actions && h("div", { class: "actions" }, actions)), content);
  return { title, element };
}

/**
 * A titled box.
 *
 * @param {Child} title
 * @param {{actions?: Child, flush?: boolean, id?: string}} options flush: the content reaches to the border
 * @param {...Child} content
 */
export function panel(title, { actions, flush = false, id } = {}, ...content) {
  return h("section", { class: "panel", id },
    h("div", { class: "panel-head" }, h("h2", {}, title), actions && h("div", { class: "actions" }, actions)),
    flush ? content : h("div", { class: "panel-body" }, content));
}

/** Facts with their names. @param {[string, Child][]} pairs */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** What stands where there is nothing. @param {string} title @param {...Child} more */
export function empty(title, ...more) {
  return h("div", { class: "empty" }, h("p", {}, h("strong", {}, title)), more);
}

/**
 * A message in its colour.
 *
 * @param {import("./status.js").Tone} tone
 * @param {Child} title
 * @param {...Child} more
 */
export function callout(tone, title, ...more) {
  return h("div", { class: `callout tone-${tone}` }, h("div", { class: "callout-title" }, icon(tone), title), more);
}

/** A labelled control in a row of filters. @param {string} label @param {HTMLElement} control @param {string} [more] */
export function filter(label, control, more = "") {
  return h("div", { class: `field ${more}` }, h("label", { for: control.id }, label), control);
}
