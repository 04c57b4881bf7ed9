/** Transactions, newest first, and their export. */

import { download } from "../api.js";
import { h } from "../dom.js";
import { energy, known, power, span, time } from "../format.js";
import { listPage } from "../list_page.js";
import { chargePointField, search, select } from "../pickers.js";
import { current } from "../router.js";
import { badge } from "../status.js";
import { button, chargePointLink, empty, link } from "../ui.js";

/** @param {import("../page_context.js").Context} context */
export function transactions(context) {
  const given = (name) => context.query.get(name) ?? "";
  const exported = () => context.guard(() => download("transactions", {
    query: Object.fromEntries(current().query), accept: "text/csv", name: "transactions.csv",
  }));
  return listPage(context, {
    head: { title: "Transactions", actions: button("Export as CSV", exported, { icon: "download" }) },
    where: "transactions",
    key: (item) => String(item.id),
    noun: "transaction",
    filters: (changed) => [
      { name: "chargePoint", ...chargePointField({ value: given("chargePoint"), changed, signal: context.signal }) },
      { name: "idTag", ...search({ label: "Id tag", value: given("idTag"), changed }) },
      { name: "active", ...select({ label: "State", value: given("active"), changed, pairs: [["", "All"], ["true", "Running"], ["false", "Ended"]] }) },
    ],
    empty: (filtered) => empty(filtered ? "No transaction matches." : "There was no transaction yet."),
    wanted: (event, shows) => event.type === "transaction"
      || (event.type === "meterValues" && shows((item) => item.id === event.transactionId)),
    columns: transactionColumns(),
  });
}

/** Columns of transactions. @param {{chargePoint?: boolean}} [which] */
export function transactionColumns({ chargePoint = true } = {}) {
  return [
    { label: "Transaction", head: true, cell: (item) => link(`No. ${item.id}`, ["transactions", String(item.id)]) },
    { label: "State", cell: transactionBadge },
    chargePoint
      ? { label: "Charge point", class: "name", cell: (item) => [chargePointLink(item.chargePoint), h("span", { class: "below" }, `connector ${item.connectorId}`)] }
      : { label: "Connector", class: "number", cell: (item) => known(item.connectorId) },
    { label: "Id tag", class: "whole", cell: (item) => known(item.idTag) },
    { label: "Started", class: "time", sort: "descending", cell: (item) => time(item.startedAt) },
    { label: "Lasted", class: "number", cell: (item) => span(item.startedAt, item.stoppedAt) },
    { label: "Energy", class: "number", cell: (item) => energy(item.energyWh) },
    { label: "Power", class: "number", cell: (item) => (item.stoppedAt || item.powerW === null ? null : power(item.powerW)) },
    { label: "Stop reason", cell: (item) => item.stopReason && h("span", {}, item.stopReason) },
  ];
}

/** Whether it still runs. */
export const transactionBadge = (item) => (item.stoppedAt ? badge("off", "Ended") : badge("active", "Running"));
