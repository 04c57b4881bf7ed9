/** One named charging profile, or a new one; and sending it. */

import { chargingProfileSchema } from "../actions.js";
import { path, Problem, request } from "../api.js";
import { confirm } from "../dialog.js";
import { fill, h } from "../dom.js";
import { schemaForm } from "../forms.js";
import { notify } from "../notices.js";
import { problemView, resultView } from "../outcome.js";
import { chargePointField } from "../pickers.js";
import { go } from "../router.js";
import { savedForm, versioned } from "../saved_form.js";
import { button, callout, link, page, panel } from "../ui.js";

const TARGET = {
  type: "object",
  required: ["connectorId"],
  properties: {
    connectorId: { type: "integer", minimum: 0, maximum: 1000, hint: "0: the whole charge point." },
    transactionId: { type: "integer", minimum: 1, maximum: 2147483647, hint: "Only for a profile of a running transaction." },
  },
};
const PROFILE = { chargingProfileId: 1, stackLevel: 0, chargingProfilePurpose: "TxDefaultProfile", chargingProfileKind: "Relative",
  chargingSchedule: { chargingRateUnit: "A", chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] } };

/** @param {import("../page_context.js").Context} context */
export async function chargingProfile(context) {
  const schema = await chargingProfileSchema();
  return context.params.name === undefined ? added(schema) : changed(schema, context);
}

function added(schema) {
  const named = { type: "object", required: ["name", "profile"],
    properties: { name: { type: "string", maxLength: 100 }, profile: schema } };
  const form = schemaForm({
    schema: named,
    value: { profile: PROFILE },
    submit: "Add",
    async send({ name, profile }) {
      await request("PUT", path`charging-profiles/${name}`, { body: profile, headers: { "If-None-Match": "*" } }).catch(within("/profile"));
      notify(`The profile ${name} is kept.`);
      go(["charging-profiles", name]);
    },
  });
  return page({ title: "Add a charging profile", crumbs: link("Charging profiles", ["charging-profiles"]) },
    h("div", { class: "panel" }, h("div", { class: "panel-body" }, form.element)));
}

/** The body is a part of the form, so what is wrong with it is at another place. @param {string} pointer */
function within(pointer) {
  return (problem) => {
    if (problem instanceof Problem) {
      problem.errors = problem.errors.map((error) => ({ ...error, path: `${pointer}${error.path}` }));
    }
    throw problem;
  };
}

async function changed(schema, { params: { name }, signal }) {
  const where = path`charging-profiles/${name}`;
  const { data, etag } = await versioned(where, signal);
  const remove = async () => {
    const text = "Charge points that have it keep it until it is cleared there.";
    if (!(await confirm({ title: `Remove ${name}?`, text, action: "Remove" }))) return;
    await request("DELETE", where);
    notify(`The profile ${name} was removed.`);
    go(["charging-profiles"]);
  };
  const form = savedForm({
    where, schema, value: data.profile, etag, submit: "Save", valueOf: ({ profile }) => profile,
    saved: () => notify(`The profile ${name} was saved.`), extra: button("Remove", remove, { kind: "danger" }),
  });
  return page({ title: name, crumbs: link("Charging profiles", ["charging-profiles"]) },
    h("div", { class: "columns" }, panel("Profile", {}, form), panel("Send to a charge point", {}, sendForm(name, signal))));
}

function sendForm(name, signal) {
  const target = chargePointField({ value: "", signal });
  const outcome = h("div", { "aria-live": "polite" });
  const form = schemaForm({
    schema: TARGET, value: { connectorId: 0 }, submit: "Send",
    send: (body) => (target.value() ? sendProfile(target.value(), { name, ...body }, outcome) : target.control.focus()),
  });
  return [target.element, form.element, outcome];
}

/** Send a profile and show what comes of it. @param {string} identity @param {any} body @param {HTMLElement} outcome */
export async function sendProfile(identity, body, outcome) {
  fill(outcome, callout("wait", `Waiting for the answer of ${identity}…`));
  try {
    const { data } = await request("POST", path`charge-points/${identity}/charging-profiles`, { body });
    fill(outcome, resultView(data, "SetChargingProfile", { connectors: [] }, body));
  } catch (problem) {
    fill(outcome);
    if (!(problem instanceof Problem) || problem.errors.length > 0) throw problem;
    fill(outcome, problemView(problem, "SetChargingProfile"));
  }
}
