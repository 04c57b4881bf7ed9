/** How the charge point is treated, its key, and forgetting it. */

import { get, Problem, request } from "../../api.js";
import { confirm } from "../../dialog.js";
import { fill, h } from "../../dom.js";
import { time } from "../../format.js";
import { schemaForm } from "../../forms.js";
import { jsonBlock } from "../../json.js";
import { notify } from "../../notices.js";
import { problemView } from "../../outcome.js";
import { go } from "../../router.js";
import { savedForm, versioned } from "../../saved_form.js";
import { SETTINGS } from "../../settings_schema.js";
import { badge } from "../../status.js";
import { table } from "../../table.js";
import { button, callout, panel } from "../../ui.js";

const KEY = {
  type: "object",
  properties: {
    key: { type: "string", maxLength: 40, hint: "16 to 40 characters, as the charge point has it. Both empty: the server makes one." },
    keyHex: { type: "string", maxLength: 40, hint: "Or a binary key, in 32 to 40 hexadecimal digits." },
  },
};

/** @param {import("../charge_point.js").Section} section */
export async function settings(section) {
  const { where, identity, signal } = section;
  const [{ data, etag }, found] = await Promise.all([versioned(where, signal), get(`${where}/certificates`, {}, signal)]);
  const form = savedForm({
    where, schema: SETTINGS, value: valueOf(data), etag, valueOf, method: "PATCH", submit: "Save",
    saved: () => notify(`The settings of ${identity} were saved.`),
  });
  return h("div", { class: "columns" },
    h("div", { class: "stack" }, panel("Settings", {}, form),
      certificatesPanel(section, found)),
    h("div", { class: "stack" }, keyPanel(section, data), panel("Remove", {}, removal(section))));
}

function valueOf({ registration, settings: own }) {
  return { ...(registration === null ? {} : { registration }), settings: own };
}

const STATE_TONES = { Signed: "wait", Accepted: "ok", Rejected: "fault", Revoked: "off" };

function certificatesPanel({ where, identity }, { signingRequests, certificates }) {
  if (signingRequests.length === 0 && certificates.length === 0) return null;
  const content = h("div", {});
  const columns = [
    { label: "Certificate", head: true, cell: (item) => item.subject },
    { label: "State", cell: (item) => badge(STATE_TONES[item.state], item.state) },
    { label: "Valid until", class: "time", cell: (item) => time(item.notAfter) },
    { label: "Fingerprint", class: "wide", cell: (item) => h("span", { class: "mono" }, item.fingerprint) },
    { label: "Actions", blank: true, class: "end", cell: (item) => item.state !== "Revoked" && revoke(item) },
  ];
  function show(items) {
    fill(content, items.length > 0 && table({ caption: `Certificates of ${identity}`, columns, items }));
  }
  const revoke = (item) => {
    const element = button("Revoke", async () => {
      const text = "Nobody is let in with it again, and a connection that uses it is closed. That cannot be undone.";
      if (!(await confirm({ title: `Revoke ${item.subject}?`, text, action: "Revoke" }))) return;
      try {
        await request("POST", `${where}/certificates/${item.id}/revocation`);
        show((await get(`${where}/certificates`)).certificates);
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        notify(problem.message, "fault");
      }
    }, { kind: "danger", small: true });
    element.setAttribute("aria-label", `Revoke certificate ${item.id}`);
    return element;
  };
  show(certificates);
  return panel("Certificates", { flush: true }, content, signingRequests.length > 0 && h("div", { class: "panel-body" },
    signingRequests.map((each) => h("details", {},
      h("summary", {}, "Signing request of ", time(each.receivedAt)), jsonBlock(each.csr, "Signing request")))));
}

const VALID = {
  new: "It uses the new key; the old one no longer works.",
  old: "The old key stays.",
  both: "Both keys work until it uses the new one, after its next reboot at the latest.",
};

function keyPanel({ where, identity }, { hasKey, hasNextKey }) {
  const state = h("p", {});
  const shown = h("div", { "aria-live": "polite" });
  const show = (has, hasNext = false) => {
    fill(state, has ? badge("ok", "A key is set") : badge("off", "No key is set"),
      hasNext && [" ", badge("wait", "A new key was sent and not used yet")]);
    remove.hidden = !has && !hasNext;
  };
  const remove = button("Remove the key", async () => {
    const text = "Anybody who knows its name can then connect in its place, unless the server asks for more.";
    if (!(await confirm({ title: `Remove the key of ${identity}?`, text, action: "Remove" }))) return;
    try {
      await request("DELETE", `${where}/key`);
      fill(shown);
      show(false);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      notify(problem.message, "fault");
    }
  }, { kind: "danger" });
  const rotate = button("Send a new key to it", async () => {
    try {
      const { data } = await request("POST", `${where}/key/rotation`);
      const taken = data.validKeys !== "old";
      fill(shown, callout(taken ? "ok" : "fault", `${identity} answered ${data.status}`, h("p", {}, VALID[data.validKeys])));
      const now = await get(where);
      show(now.hasKey, now.hasNextKey);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      fill(shown, problemView(problem, "A new key"));
    }
  });
  const form = schemaForm({
    schema: KEY,
    submit: "Set the key",
    async send(body) {
      const { data } = await request("PUT", `${where}/key`, { body });
      show(true);
      fill(shown, data === null ? callout("ok", "The key was set") : secret(identity, data.key));
    },
    extra: [rotate, remove],
  });
  show(hasKey, hasNextKey);
  return panel("Key", {}, state, h("p", { class: "muted" }, "The password of its Basic authentication. It is kept as a salted hash only."), form.element, shown);
}

function secret(identity, key) {
  const output = h("output", { tabindex: 0, "aria-label": "The key" }, key);
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(key);
    notify("The key was copied.");
  }, { small: true });
  return callout("warn", "This key is shown once", h("p", {}, `Enter it in ${identity} now; the server cannot show it again.`),
    h("div", { class: "secret" }, output, navigator.clipboard ? copy : null));
}

function removal({ where, identity }) {
  const remove = async () => {
    const text = "Its connection is closed, its settings, key, configuration and waiting commands go. Transactions stay.";
    if (!(await confirm({ title: `Remove ${identity}?`, text, action: "Remove" }))) return;
    try {
      await request("DELETE", where);
      notify(`${identity} was removed.`);
      go(["charge-points"]);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      notify(problem.message, "fault");
    }
  };
  return [h("p", { class: "muted" }, "Forget this charge point. Past transactions and records are kept."),
    h("div", {}, button("Remove the charge point", remove, { kind: "danger" }))];
}
