/** A page that is a table with filters: the filters are kept in the address, the rows stay fresh. */

import { get } from "./api.js";
import { h } from "./dom.js";
import { keepQuery } from "./router.js";
import { pagedTable } from "./table.js";
import { page } from "./ui.js";

const ROWS = 50;

/**
 * @param {import("./page_context.js").Context} context
 * @param {object} options
 * @param {{title: string, lead?: string, actions?: import("./dom.js").Child}} options.head
 * @param {string} options.where the resource that is listed
 * @param {(changed: () => void) => {element: HTMLElement, value: () => string, name: string}[]} [options.filters]
 * @param {import("./table.js").Column<any>[]} options.columns
 * @param {(item: any) => string} options.key
 * @param {string} options.noun
 * @param {(filtered: boolean) => import("./dom.js").Child} options.empty
 * @param {(event: any, shows: (predicate: (item: any) => boolean) => boolean) => boolean} [options.wanted] events that change a row
 */
export async function listPage(context, { head, where, filters = () => [], columns, key, noun, empty, wanted = () => false }) {
  const controls = filters(() => {
    keepQuery(query());
    context.guard(rows.restart);
  });
  const query = () => Object.fromEntries(controls.map(({ name, value }) => [name, value()]));
  const filtered = () => Object.values(query()).some(Boolean);
  const rows = pagedTable({
    caption: head.title,
    columns,
    key,
    noun,
    empty: () => empty(filtered()),
    load: (cursor) => get(where, { ...query(), limit: ROWS, cursor }, context.signal),
  });
  await rows.refresh();
  context.keepFresh((event) => wanted(event, rows.shows), rows.refresh);
  const { title, element } = page(head,
    controls.length > 0 && h("search", {}, h("form", { class: "filters", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
      controls.map(({ element: control }) => control))),
    h("div", { class: "panel" }, rows.element));
  return { title, element };
}
