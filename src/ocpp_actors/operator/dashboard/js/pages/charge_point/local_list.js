/** The local authorization list: what the charge point has, and sending it anew. */

import { get, Problem, request } from "../../api.js";
import { fill, h } from "../../dom.js";
import { known, time } from "../../format.js";
import { problemView, resultView } from "../../outcome.js";
import { idTagBadge } from "../../status.js";
import { table } from "../../table.js";
import { button, callout, empty, facts, panel } from "../../ui.js";

const COLUMNS = [
  { label: "Id tag", head: true, cell: (item) => item.idTag },
  { label: "Status", cell: (item) => (item.idTagInfo ? idTagBadge(item.idTagInfo.status) : known(null)) },
  { label: "Valid until", class: "time", cell: (item) => (item.idTagInfo?.expiryDate ? time(item.idTagInfo.expiryDate) : "no end") },
  { label: "Parent", cell: (item) => item.idTagInfo?.parentIdTag },
];

/** @param {import("../charge_point.js").Section} section */
export async function localList(section) {
  const { identity, where, signal, guard } = section;
  const about = h("div", {});
  const content = h("div", {});
  const outcome = h("div", { "aria-live": "polite" });

  async function refresh() {
    const { version, entries, changedAt } = await get(`${where}/local-list`, {}, signal);
    fill(about, facts([["Version", known(version)], ["Entries", entries === null ? known(null) : String(entries.length)],
      ["Changed", changedAt ? time(changedAt) : known(null)]]));
    fill(content, entries?.length > 0 ? table({ caption: `Local list of ${identity}`, columns: COLUMNS, items: entries })
      : empty(entries === null ? "Its list is not known." : "Its list is empty."));
  }

  async function send(updateType) {
    fill(outcome, callout("wait", `Waiting for the answer of ${identity}…`));
    try {
      const { data } = await request("POST", `${where}/local-list`, { body: { updateType } });
      fill(outcome, resultView(data, "SendLocalList", section.chargePoint(), {}));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      fill(outcome, problemView(problem, "SendLocalList"));
    }
    await guard(refresh);
  }

  await refresh();
  section.keepFresh((event) => event.type === "call", refresh);
  const actions = [
    button("Send what changed", () => send("Differential"), { small: true }),
    button("Send the full list", () => send("Full"), { small: true }),
  ];
  return h("div", { class: "stack" },
    panel("Local authorization list", { actions }, h("p", { class: "muted" }, "With it the charge point knows who may charge while it is offline."), about, outcome),
    panel("Entries", { flush: true }, content));
}
