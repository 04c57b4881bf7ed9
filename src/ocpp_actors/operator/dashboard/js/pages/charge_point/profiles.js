/** Charging profiles that the charge point accepted, and sending a named one. */

import { get } from "../../api.js";
import { fill, h } from "../../dom.js";
import { time } from "../../format.js";
import { schemaForm } from "../../forms.js";
import { hash } from "../../router.js";
import { table } from "../../table.js";
import { buttonLink, empty, panel } from "../../ui.js";
import { sendProfile } from "../charging_profile.js";
import { profileColumns } from "../charging_profiles.js";

/** @param {import("../charge_point.js").Section} section */
export async function profiles(section) {
  const { identity, where, signal } = section;
  const content = h("div", {});
  const command = (action, value = {}) => hash(["charge-points", identity, "commands"], { action, ...value });
  const columns = [
    { label: "Connector", head: true, cell: (item) => (item.connectorId === 0 ? "Charge point" : `Connector ${item.connectorId}`) },
    { label: "Id", class: "number", cell: (item) => String(item.profile.chargingProfileId) },
    ...profileColumns((item) => item.profile),
    { label: "Installed", class: "time", cell: (item) => time(item.installedAt) },
  ];
  async function refresh() {
    const { items } = await get(`${where}/charging-profiles`, {}, signal);
    fill(content, items.length > 0 ? table({ caption: `Charging profiles of ${identity}`, columns, items }) : empty("No charging profile is installed, as far as is known."));
  }
  const [{ items: named }] = await Promise.all([get("charging-profiles", { limit: 1000 }, signal), refresh()]);
  section.keepFresh((event) => event.type === "call", refresh);
  const actions = [
    buttonLink("Send one of its own", command("SetChargingProfile"), { small: true }),
    buttonLink("Clear", command("ClearChargingProfile"), { small: true }),
    buttonLink("Composite schedule", command("GetCompositeSchedule"), { small: true }),
  ];
  return h("div", { class: "stack" }, panel("Installed", { flush: true, actions }, content), panel("Send a named profile", {}, sending(section, named)));
}

function sending({ identity }, named) {
  if (named.length === 0) return h("p", { class: "muted" }, "No profile is kept under a name. ", h("a", { href: "#/new-charging-profile" }, "Add one"));
  const outcome = h("div", { "aria-live": "polite" });
  const schema = {
    type: "object",
    required: ["name", "connectorId"],
    properties: {
      name: { type: "string", enum: named.map(({ name }) => name) },
      connectorId: { type: "integer", minimum: 0, maximum: 1000, hint: "0: the whole charge point." },
      transactionId: { type: "integer", minimum: 1, maximum: 2147483647, hint: "Only for a profile of a running transaction." },
    },
  };
  const form = schemaForm({ schema, value: { connectorId: 0 }, submit: "Send", send: (body) => sendProfile(identity, body, outcome) });
  return [form.element, outcome];
}
