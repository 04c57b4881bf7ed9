/** One command: what was asked, and what came of it. */

import { get, path } from "../api.js";
import { fill, h } from "../dom.js";
import { outcome } from "../explain.js";
import { known, time, took } from "../format.js";
import { jsonBlock } from "../json.js";
import { callBadge } from "../status.js";
import { chargePointLink, facts, link, page, panel } from "../ui.js";

/** @param {import("../page_context.js").Context} context */
export async function callDetail(context) {
  const { id } = context.params;
  const content = h("div", { class: "stack" });
  const state = h("span", {});

  async function refresh() {
    const call = await get(path`calls/${id}`, {}, context.signal);
    fill(state, callBadge(call.status));
    fill(content, panel("What came of it", {}, h("p", {}, outcome(call)), call.reason && h("p", { class: "muted" }, call.reason),
      facts([
        ["Charge point", chargePointLink(call.chargePoint)], ["Asked by", known(call.requestedBy)], ["Asked", time(call.requestedAt)],
        ["Sent", time(call.sentAt)], ["Ended", time(call.endedAt)],
        ["Took", call.seconds === null || call.seconds === undefined ? known(null) : took(call.seconds)],
        ["Kept until", time(call.expiresAt)], ["Message id", h("code", {}, known(call.messageId))],
      ])),
    h("div", { class: "columns columns-even" },
      panel("Request", {}, jsonBlock(call.request, "Request")),
      panel("Answer", {}, call.response ? jsonBlock(call.response, "Answer") : h("p", { class: "muted" }, "There is none."))));
    return call;
  }

  const call = await refresh();
  context.keepFresh((event) => event.type === "call" && String(event.callId) === id, refresh);
  return page({ title: `${call.action} to ${call.chargePoint}`, crumbs: link("Commands sent", ["calls"]), lead: state }, content);
}
