/** What operators changed. */

import { h } from "../dom.js";
import { known, time, words } from "../format.js";
import { jsonBlock } from "../json.js";
import { listPage } from "../list_page.js";
import { empty } from "../ui.js";

/** @param {import("../page_context.js").Context} context */
export function changes(context) {
  return listPage(context, {
    head: { title: "Changes", lead: "Every change that an operator made, with who and when. Secrets are masked." },
    where: "changes",
    key: (item) => JSON.stringify(item),
    noun: "change",
    empty: () => empty("Nothing was changed yet."),
    columns: [
      { label: "Change", head: true, cell: (item) => words(item.what).replace(/^Put /, "Save ") },
      { label: "Of", cell: (item) => known(item.subject) },
      { label: "By", cell: (item) => known(item.operator) },
      { label: "At", class: "time", sort: "descending", cell: (item) => time(item.at) },
      { label: "Details", class: "wide", cell: details },
    ],
  });
}

function details({ detail }) {
  if (!detail || Object.keys(detail).length === 0) return null;
  const element = h("details", { ontoggle: () => {
    if (element.open && element.children.length === 1) element.append(jsonBlock(detail, "Details"));
  } }, h("summary", {}, "Show"));
  return element;
}
