/** Known id tags. */

import { known, time } from "../format.js";
import { listPage } from "../list_page.js";
import { search } from "../pickers.js";
import { hash } from "../router.js";
import { idTagBadge } from "../status.js";
import { buttonLink, empty, link } from "../ui.js";

/** @param {import("../page_context.js").Context} context */
export function idTags(context) {
  return listPage(context, {
    head: { title: "Id tags", lead: "Who may charge.", actions: buttonLink("Add an id tag", hash(["new-id-tag"]), { kind: "primary", icon: "plus" }) },
    where: "id-tags",
    key: (item) => item.idTag,
    noun: "id tag",
    filters: (changed) => [
      { name: "search", ...search({ label: "Search", value: context.query.get("search") ?? "", placeholder: "Id tag or parent", changed }) },
    ],
    empty: (filtered) => empty(filtered ? "No id tag matches." : "There are no id tags yet."),
    columns: [
      { label: "Id tag", head: true, sort: "ascending", cell: (item) => link(item.idTag, ["id-tags", item.idTag]) },
      { label: "Status", cell: (item) => idTagBadge(item.status) },
      { label: "Valid until", class: "time", cell: (item) => (item.expiryDate ? time(item.expiryDate) : "no end") },
      { label: "Parent", cell: (item) => known(item.parentIdTag) },
      { label: "Transactions at a time", class: "number", cell: (item) => item.maxActiveTransactions ?? "no limit" },
    ],
  });
}
