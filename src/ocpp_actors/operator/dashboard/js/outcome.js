/** What became of a command, in plain words, with the answer itself below. */

import { h } from "./dom.js";
import { answer, circumstances, headline } from "./explain.js";
import { took } from "./format.js";
import { jsonBlock } from "./json.js";
import { answerBadge } from "./status.js";
import { callout, link } from "./ui.js";

const GOOD = ["Accepted", "AcceptedCanceled", "Unlocked", "Scheduled", "RebootRequired", undefined];

/** The charge point answered, or the command waits. @param {any} result @param {string} action @param {any} chargePoint @param {any} sent */
export function resultView(result, action, chargePoint, sent) {
  if (result.status === "waiting") {
    return callout("wait", `${action} waits for the charge point`,
      h("p", {}, "It is kept, also over a restart of the server, and sent when the charge point is connected. ", callLink(result.callId)));
  }
  const status = result.response?.status;
  const good = GOOD.includes(status);
  const reasons = good ? [] : circumstances(chargePoint, sent?.connectorId);
  return callout(good ? "ok" : "fault", [action, status && answerBadge(status)],
    h("p", {}, answer(status)),
    reasons.length > 0 && h("p", {}, "What is known of it now: ", reasons.join(" ")),
    timing(result),
    Object.keys(result.response ?? {}).some((name) => name !== "status") && jsonBlock(result.response, "Answer"));
}

/** The command failed. @param {import("./api.js").Problem} problem @param {string} action */
export function problemView(problem, action) {
  const { errorCode, errorDescription, errorDetails, answer: raw } = problem.body;
  const extra = raw ?? (Object.keys(errorDetails ?? {}).length > 0 ? errorDetails : undefined);
  return callout("fault", `${action}: ${headline(problem)}`,
    h("p", {}, problem.message),
    errorCode && !problem.message.includes(errorCode) && h("p", {}, [errorCode, errorDescription].filter(Boolean).join(": ")),
    timing(problem.body),
    extra !== undefined && jsonBlock(extra, "Details"));
}

function timing({ callId, seconds }) {
  const length = seconds === null || seconds === undefined ? null : `It took ${took(seconds)}. `;
  return (length || callId) && h("p", { class: "small muted" }, length, callLink(callId));
}

function callLink(callId) {
  return callId !== undefined && callId !== null && link("See the call", ["calls", String(callId)]);
}
