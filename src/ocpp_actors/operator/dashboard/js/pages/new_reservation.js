/** A new reservation: the server gives it its number. */

import { path, request } from "../api.js";
import { h } from "../dom.js";
import { schemaForm } from "../forms.js";
import { notify } from "../notices.js";
import { chargePointField } from "../pickers.js";
import { go, hash } from "../router.js";
import { buttonLink, link, page } from "../ui.js";

const SCHEMA = {
  type: "object",
  required: ["connectorId", "idTag", "expiryDate"],
  properties: {
    connectorId: { type: "integer", minimum: 0, maximum: 1000, hint: "0: any connector." },
    idTag: { type: "string", maxLength: 20 },
    parentIdTag: { type: "string", maxLength: 20 },
    expiryDate: { type: "string", format: "date-time" },
  },
};

/** @param {import("../page_context.js").Context} context */
export async function newReservation({ query, signal }) {
  const where = chargePointField({ value: query.get("chargePoint") ?? "", signal });
  where.control.setAttribute("aria-required", "true");
  const inOneHour = new Date(Math.ceil(Date.now() / 60_000) * 60_000 + 3_600_000).toISOString();
  const form = schemaForm({
    schema: SCHEMA,
    value: { connectorId: 1, expiryDate: inOneHour },
    submit: "Reserve",
    extra: buttonLink("Cancel", hash(["reservations"]), { kind: "quiet" }),
    async send(body) {
      if (where.value() === "") {
        where.control.focus();
        notify("Choose a charge point.", "warn");
        return;
      }
      const { data } = await request("POST", path`charge-points/${where.value()}/reservations`, { body });
      const done = data.status === "Accepted";
      notify(done ? `${data.idTag} has a reservation at ${data.chargePoint}.` : `${data.chargePoint} answered ${data.status}: nothing is reserved.`, done ? "ok" : "fault");
      if (done) go(["reservations"]);
    },
  });
  return page({ title: "Reserve a connector", crumbs: link("Reservations", ["reservations"]) },
    h("div", { class: "panel" }, h("div", { class: "panel-body" }, where.element, form.element)));
}
