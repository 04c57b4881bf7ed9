/** Every command that a charge point takes, as a form made from its schema. */

import { actions, purpose } from "./actions.js";
import { path, Problem, request } from "./api.js";
import { confirm } from "./dialog.js";
import { fill, h, newId } from "./dom.js";
import { words } from "./format.js";
import { schemaForm } from "./forms.js";
import { options } from "./inputs.js";
import { idempotencyKey } from "./keys.js";
import { problemView, resultView } from "./outcome.js";
import { callout, filter } from "./ui.js";

const KEPT = [["3600", "1 hour"], ["28800", "8 hours"], ["86400", "1 day"], ["604800", "7 days"], ["2592000", "30 days"]];
const ASK_FIRST = {
  Reset: "A reset interrupts the charge point, a hard one also running transactions.",
  UpdateFirmware: "The charge point is out of service while it installs firmware.",
  SignedUpdateFirmware: "The charge point is out of service while it installs firmware.",
  DeleteCertificate: "Without its root certificate the charge point may not be able to connect again.",
};

/**
 * @param {object} options
 * @param {() => any} options.chargePoint what is known of it now
 * @param {string} options.action chosen at first
 * @param {object} options.value of that action's form
 * @param {(name: string) => (string | number)[]} options.suggest
 * @param {(action: string) => void} options.chosen is told when another action is chosen
 * @returns {Promise<{element: HTMLElement, update: () => void}>}
 */
export async function commandForm({ chargePoint, action, value, suggest, chosen }) {
  const all = await actions();
  const profiles = [...new Set(all.map(({ profile }) => profile))];
  const first = all.find((each) => each.action === action)?.action ?? "RemoteStartTransaction";
  const chooser = h("select", { id: newId("action"), class: "input", onchange: () => show(chooser.value, {}) },
    profiles.map((profile) => h("optgroup", { label: words(profile) },
      options(all.filter((each) => each.profile === profile).map((each) => [each.action, each.action]), first))));
  const about = h("p", { class: "muted" });
  const place = h("div", {});
  const outcome = h("div", { "aria-live": "polite" });
  const state = h("div", {});
  const kept = h("select", { id: newId("kept"), class: "input" }, options(KEPT, "86400"));
  const keeping = h("div", { class: "filters" }, filter("Keep it for", kept));
  let form = null;

  /* The same key for the same command until there is a clear outcome: sent again after a lost answer it is not repeated. */
  let attempt = { body: "", key: "" };

  function show(name, initial) {
    const { schema } = all.find((each) => each.action === name);
    about.textContent = purpose(schema.description);
    fill(outcome);
    form = schemaForm({ schema, value: initial, suggest, submit: "Send", send: (body) => send(name, body), before: [state, keeping] });
    fill(place, form.element);
    update();
    chosen(name);
  }

  async function send(name, body) {
    fill(outcome);
    const { identity } = chargePoint();
    const text = ASK_FIRST[name];
    if (text && !(await confirm({ title: `${name} to ${identity}?`, text, action: "Send" }))) return;
    const queued = !chargePoint().online;
    const query = queued ? { wait: "queue", ttl: kept.value } : {};
    const whole = JSON.stringify([name, body, query]);
    if (attempt.body !== whole) attempt = { body: whole, key: idempotencyKey() };
    fill(outcome, callout("wait", queued ? "Keeping the command…" : `Waiting for the answer of ${identity}…`));
    try {
      const where = path`charge-points/${identity}/calls/${name}`;
      const { data } = await request("POST", where, { query, body, headers: { "Idempotency-Key": attempt.key } });
      fill(outcome, resultView(data, name, chargePoint(), body));
      attempt = { body: "", key: "" };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status !== 0) attempt = { body: "", key: "" };
      if (problem.errors.length > 0) {
        fill(outcome);
        throw problem;
      }
      fill(outcome, problemView(problem, name));
    }
  }

  function update() {
    const { online, identity, registration } = chargePoint();
    keeping.hidden = online;
    form.button.textContent = online ? "Send" : "Keep until it connects";
    const offline = !online && callout("off", `${identity} is offline`,
      h("p", {}, "The command is kept and sent when the charge point connects, unless its time runs out before."));
    const silent = registration === "Rejected" && callout("warn", `${identity} is rejected`,
      h("p", {}, "The server asks nothing of a rejected charge point. Its registration can be changed in its settings."));
    fill(state, silent || offline);
  }

  show(first, value);
  const element = h("div", { class: "form" }, h("div", { class: "fields" }, filter("Command", chooser)), about, place, outcome);
  return { element, update };
}
