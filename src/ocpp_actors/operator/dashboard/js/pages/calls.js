/** Commands that the server was asked to send. */

import { known, time, words } from "../format.js";
import { listPage } from "../list_page.js";
import { chargePointField, select } from "../pickers.js";
import { callBadge } from "../status.js";
import { chargePointLink, empty, link } from "../ui.js";

const STATES = ["waiting", "sent", "answered", "callError", "invalid", "timeout", "lost", "expired", "unknown"];

/** @param {import("../page_context.js").Context} context */
export function calls(context) {
  const given = (name) => context.query.get(name) ?? "";
  return listPage(context, {
    head: { title: "Commands sent", lead: "Everything that operators asked of charge points, also what still waits." },
    where: "calls",
    key: (item) => String(item.callId),
    noun: "command",
    filters: (changed) => [
      { name: "chargePoint", ...chargePointField({ value: given("chargePoint"), changed, signal: context.signal }) },
      { name: "state", ...select({ label: "State", value: given("state"), changed, pairs: [["", "All"], ...STATES.map((each) => [each, words(each)])] }) },
    ],
    empty: (filtered) => empty(filtered ? "No command matches." : "No command was sent yet."),
    wanted: (event) => event.type === "call",
    columns: callColumns(),
  });
}

/** Columns of calls. @param {{chargePoint?: boolean}} [which] */
export function callColumns({ chargePoint = true } = {}) {
  return [
    { label: "Command", head: true, cell: (item) => link(item.action, ["calls", String(item.callId)]) },
    ...(chargePoint ? [{ label: "Charge point", cell: (item) => chargePointLink(item.chargePoint) }] : []),
    { label: "State", cell: (item) => callBadge(item.status) },
    { label: "Answer", cell: (item) => item.response?.status ?? item.errorCode ?? item.reason },
    { label: "Asked", class: "time", sort: "descending", cell: (item) => time(item.requestedAt) },
    { label: "Ended", class: "time", cell: (item) => (item.endedAt ? time(item.endedAt) : null) },
    { label: "By", cell: (item) => known(item.requestedBy) },
  ];
}
