/** Tables whose rows come from the server, a page at a time. */

import { fill, focusables, h } from "./dom.js";
import { counted } from "./format.js";
import { icon } from "./icons.js";

/**
 * @template Item
 * @typedef {object} Column
 * @property {string} label
 * @property {(item: Item) => import("./dom.js").Child} cell
 * @property {string} [class]
 * @property {boolean} [head] the cell names its row
 * @property {"ascending" | "descending"} [sort] the order that the server gives
 * @property {boolean} [blank] a label for screen readers only
 */

/**
 * A table of rows that are all there.
 *
 * @template Item
 * @param {{caption: string, columns: Column<Item>[], items: Item[], cards?: boolean}} options
 */
export function table({ caption, columns, items, cards = true }) {
  const { element, show } = skeleton(caption, columns, cards);
  show(items);
  return element;
}

/**
 * A table with Next and Previous. `load` gets a cursor and answers a page; an AbortError is passed on to whoever asked.
 *
 * @template Item
 * @param {object} options
 * @param {string} options.caption
 * @param {Column<Item>[]} options.columns
 * @param {(cursor: string | null) => Promise<{items: Item[], nextCursor: string | null}>} options.load
 * @param {() => import("./dom.js").Child} options.empty
 * @param {(item: Item) => string} options.key
 * @param {string} options.noun of one row
 */
export function pagedTable({ caption, columns, load, empty, key, noun }) {
  const { element, show } = skeleton(caption, columns, true, key);
  const cursors = [null];
  let next = null;
  let latest = 0;
  let items = [];
  const previousButton = pageButton("Previous", () => turn(() => cursors.pop()));
  const nextButton = pageButton("Next", () => turn(() => cursors.push(next)));
  const where = h("span", { class: "muted", role: "status" });
  const nothing = h("div", {});
  const foot = h("div", { class: "table-foot" }, where, h("div", { class: "actions" }, previousButton, nextButton));

  async function turn(step) {
    step();
    await refresh();
    (nextButton.disabled ? previousButton : nextButton).focus();
  }

  async function refresh() {
    latest += 1;
    const turnNumber = latest;
    const found = await load(cursors.at(-1));
    if (turnNumber !== latest) return;
    ({ items, nextCursor: next } = found);
    show(items);
    element.hidden = items.length === 0;
    fill(nothing, items.length === 0 && empty());
    previousButton.disabled = cursors.length === 1;
    nextButton.disabled = next === null;
    foot.hidden = cursors.length === 1 && next === null && items.length === 0;
    previousButton.hidden = nextButton.hidden = cursors.length === 1 && next === null;
    const only = cursors.length === 1 && next === null;
    where.textContent = `${only ? "" : `Page ${cursors.length}: `}${counted(items.length, noun)}`;
  }

  return {
    element: h("div", {}, element, nothing, foot),
    refresh,
    /** Begin again with the first page: the filters changed. */
    restart() {
      cursors.length = 1;
      return refresh();
    },
    shows: (predicate) => items.some(predicate),
    isFirstPage: () => cursors.length === 1,
  };
}

function pageButton(text, onclick) {
  return h("button", { type: "button", class: "button button-small", onclick, disabled: true }, text);
}

/* Roles are spelled out because a table that is shown as cards loses its own. */
function skeleton(caption, columns, cards, key = null) {
  const body = h("tbody", { role: "rowgroup" });
  const rows = new Map();
  const element = h("div", { class: "table-scroll" },
    h("table", { class: cards ? "table table-cards" : "table", role: "table" },
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(heading))),
      body));

  function show(items) {
    const kept = document.activeElement?.closest?.("tr");
    const place = kept && body.contains(kept) ? focusables(kept).indexOf(document.activeElement) : -1;
    const focusedKey = place >= 0 ? [...rows].find(([, row]) => row.element === kept)?.[0] : undefined;
    const shown = items.map((item, index) => {
      const name = key ? key(item) : index;
      const state = JSON.stringify(item);
      const old = rows.get(name);
      return [name, old?.state === state ? old : { state, element: row(columns, item) }];
    });
    rows.clear();
    shown.forEach(([name, each]) => rows.set(name, each));
    const wanted = shown.map(([, each]) => each.element);
    if (wanted.length !== body.children.length || wanted.some((each, index) => each !== body.children[index])) {
      body.replaceChildren(...wanted);
    }
    if (focusedKey !== undefined && rows.has(focusedKey) && !body.contains(document.activeElement)) {
      focusables(rows.get(focusedKey).element)[place]?.focus();
    }
  }
  return { element, show };
}

function heading({ label, sort, blank, class: name }) {
  const text = blank ? h("span", { class: "visually-hidden" }, label) : label;
  return h("th", { scope: "col", role: "columnheader", "aria-sort": sort, class: name }, text,
    sort && icon(sort === "ascending" ? "sorted" : "sortedDown"));
}

function row(columns, item) {
  return h("tr", { role: "row" }, columns.map(({ label, cell, head, blank, class: name = "" }) => {
    const content = cell(item);
    const isBlank = [content].flat().every((part) => part === null || part === undefined || part === false) ? "blank" : "";
    return head
      ? h("th", { scope: "row", role: "rowheader", class: name }, content)
      : h("td", { role: "cell", "data-label": blank ? "" : label, class: `${name} ${isBlank}`.trim() || null }, content);
  }));
}
