/** One id tag, or a new one. */

import { path, request } from "../api.js";
import { confirm } from "../dialog.js";
import { h } from "../dom.js";
import { schemaForm } from "../forms.js";
import { notify } from "../notices.js";
import { go, hash } from "../router.js";
import { savedForm, versioned } from "../saved_form.js";
import { idTagBadge } from "../status.js";
import { button, buttonLink, link, page, panel } from "../ui.js";

const PROPERTIES = {
  status: { type: "string", enum: ["Accepted", "Blocked", "Expired", "Invalid"] },
  expiryDate: { type: "string", format: "date-time" },
  parentIdTag: { type: "string", maxLength: 20, hint: "Tags of one parent may stop each other's transactions." },
  maxActiveTransactions: { type: "integer", minimum: 1, maximum: 1000000, hint: "Transactions at a time; empty: no limit." },
};
const SCHEMA = { type: "object", required: ["status"], properties: PROPERTIES };
const NEW_SCHEMA = {
  type: "object", required: ["idTag", "status"], properties: { idTag: { type: "string", maxLength: 20 }, ...PROPERTIES },
};

/** @param {import("../page_context.js").Context} context */
export function idTag(context) {
  return context.params.idTag === undefined ? added() : changed(context);
}

async function added() {
  const crumbs = link("Id tags", ["id-tags"]);
  const form = schemaForm({
    schema: NEW_SCHEMA,
    value: { status: "Accepted" },
    submit: "Add",
    extra: buttonLink("Cancel", hash(["id-tags"]), { kind: "quiet" }),
    async send({ idTag: name, ...body }) {
      await request("PUT", path`id-tags/${name}`, { body, headers: { "If-None-Match": "*" } });
      notify(`Id tag ${name} is known now.`);
      go(["id-tags"], { search: name });
    },
  });
  return page({ title: "Add an id tag", crumbs }, h("div", { class: "panel" }, h("div", { class: "panel-body" }, form.element)));
}

async function changed({ params, signal }) {
  const where = path`id-tags/${params.idTag}`;
  const { data, etag } = await versioned(where, signal);
  const remove = async () => {
    const text = "Where only known id tags may charge, it cannot charge any more. Past transactions stay.";
    if (!(await confirm({ title: `Remove ${data.idTag}?`, text, action: "Remove" }))) return;
    await request("DELETE", where);
    notify(`Id tag ${data.idTag} was removed.`);
    go(["id-tags"]);
  };
  const form = savedForm({
    where, schema: SCHEMA, value: valueOf(data), etag, valueOf, submit: "Save",
    saved: () => notify(`Id tag ${data.idTag} was saved.`),
    extra: button("Remove", remove, { kind: "danger" }),
  });
  return page({ title: data.idTag, crumbs: link("Id tags", ["id-tags"]), lead: idTagBadge(data.status),
    actions: link("Its transactions", ["transactions"], { idTag: data.idTag }) }, panel("Authorization", {}, form));
}

function valueOf({ status, expiryDate, parentIdTag, maxActiveTransactions }) {
  const whole = { status, expiryDate, parentIdTag, maxActiveTransactions };
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null && value !== undefined));
}
