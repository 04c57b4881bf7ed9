/** JSON as a person reads it. */

import { h } from "./dom.js";

const MOST_COLOURED = 50_000;
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)|([^"\d\-tfn]+|[\s\S])/g;

/** A document, indented and coloured. @param {unknown} value */
export function jsonBlock(value, label = "JSON") {
  return textBlock(JSON.stringify(value, null, 2), label);
}

/** A frame: indented if it is JSON, else as it came. @param {string} text */
export function frameBlock(text) {
  try {
    return jsonBlock(JSON.parse(text), "Frame");
  } catch {
    return textBlock(text, "Frame");
  }
}

function textBlock(text, label) {
  return h("pre", { class: "json", tabindex: 0, role: "region", "aria-label": label },
    h("code", {}, text.length > MOST_COLOURED ? text : coloured(text)));
}

function coloured(text) {
  return [...text.matchAll(TOKEN)].map(([all, string, colon, literal]) => {
    if (string) return [h("span", { class: colon ? "json-key" : "json-string" }, string), colon];
    return literal ? h("span", { class: "json-number" }, literal) : all;
  });
}
