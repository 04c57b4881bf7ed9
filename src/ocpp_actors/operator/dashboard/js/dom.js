/**
 * Elements made in code. Text goes in as text only, so that nothing that a charge point sent is ever read as markup.
 *
 * @typedef {Node | string | number | null | undefined | false | Child[]} Child
 * @typedef {Record<string, string | number | boolean | null | undefined | EventListener>} Attributes
 */

const SVG = "http://www.w3.org/2000/svg";
let ids = 0;

/**
 * An HTML element. A function among the attributes listens: `onclick`. Null, undefined and false leave one out.
 *
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/**
 * An SVG element.
 *
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function s(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Put other children in the place of those that an element has. Who had the focus there is followed by what stands at
 * the same place then, so that figures that change do not take it away.
 *
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  const place = focusables(element).indexOf(document.activeElement);
  element.replaceChildren(...nodes(children));
  if (place >= 0) focusables(element)[place]?.focus({ preventScroll: true });
}

/** What can have the focus in an element. @param {Element} element */
export function focusables(element) {
  return [...element.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")];
}

/** An id that no other element has. */
export function newId(prefix = "id") {
  ids += 1;
  return `${prefix}-${ids}`;
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}
