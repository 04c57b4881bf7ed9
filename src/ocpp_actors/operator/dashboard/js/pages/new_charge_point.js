/** A charge point that is made known before it connects. */

import { path, request } from "../api.js";
import { h } from "../dom.js";
import { schemaForm } from "../forms.js";
import { notify } from "../notices.js";
import { go, hash } from "../router.js";
import { SETTINGS } from "../settings_schema.js";
import { buttonLink, link, page } from "../ui.js";

const SCHEMA = {
  type: "object",
  required: ["identity", "settings"],
  properties: { identity: { type: "string", maxLength: 255, hint: "As it stands in the charge point's address." }, ...SETTINGS.properties },
};

/** @param {import("../page_context.js").Context} context */
export async function newChargePoint() {
  const form = schemaForm({
    schema: SCHEMA,
    value: { settings: { lenient: false, pings: true, abortOnShutdown: false, securityProfile: 0 } },
    submit: "Add",
    extra: buttonLink("Cancel", hash(["charge-points"]), { kind: "quiet" }),
    async send({ identity, ...body }) {
      await request("PUT", path`charge-points/${identity}`, { body, headers: { "If-None-Match": "*" } });
      notify(`${identity} is known now; it may connect.`);
      go(["charge-points", identity, "settings"]);
    },
  });
  return page({ title: "Add a charge point", crumbs: link("Charge points", ["charge-points"]),
    lead: "Needed where only known charge points may connect, or to give one its key beforehand." },
  h("div", { class: "panel" }, h("div", { class: "panel-body" }, form.element)));
}
