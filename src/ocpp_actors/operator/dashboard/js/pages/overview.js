/** What goes on in the fleet now. */

import { get } from "../api.js";
import { attention, FAULTED } from "../attention.js";
import { fill, h, s } from "../dom.js";
import { counted, energy, number, power, shortTime, span } from "../format.js";
import { icon } from "../icons.js";
import { hash } from "../router.js";
import { badge, connectorBadge, connectorTone, onlineBadge } from "../status.js";
import { table } from "../table.js";
import { buttonLink, chargePointLink, empty, link, page, panel } from "../ui.js";

const MOST_RUNNING = 10;
const MOST_FAULTED = 10;
const MOST_ACTIVITY = 12;
const ORDER = ["Charging", "Available", "Preparing", "Finishing", "SuspendedEV", "SuspendedEVSE", "Reserved", "Unavailable", "Faulted"];
const EVERY_ADDRESS = /\/\/(0\.0\.0\.0|\[::\]):/;
const CHANGES = ["connection", "status", "transaction", "meterValues"];

/** @param {import("../page_context.js").Context} context */
export async function overview(context) {
  const figures = h("div", { class: "figures" });
  const connectors = h("div", {});
  const running = h("div", {});
  const all = h("span", {});
  const activity = h("ul", { class: "activity" });
  const faults = h("div", {});
  const latest = [];

  async function refresh() {
    const [totals, transactions, faulted] = await Promise.all([
      get("overview", {}, context.signal),
      get("transactions", { active: true, limit: MOST_RUNNING }, context.signal),
      get("charge-points", { ...FAULTED, limit: MOST_FAULTED }, context.signal),
    ]);
    fill(figures, figureTiles(totals));
    fill(faults, attention(faulted.items));
    faults.hidden = faults.childElementCount === 0;
    fill(connectors, connectorBars(totals.connectors));
    fill(all, transactions.nextCursor
      ? link(`The newest ${MOST_RUNNING} of those running`, ["transactions"], { active: true }) : link("All transactions", ["transactions"]));
    fill(running, totals.chargePoints === 0 ? welcome(totals.chargePointUrls) : runningTable(transactions.items));
  }

  await refresh();
  context.keepFresh((event) => CHANGES.includes(event.type), refresh);
  context.live((batch) => {
    const told = batch.map(activityLine).filter(Boolean);
    if (told.length === 0) return;
    latest.unshift(...told.reverse());
    latest.length = Math.min(latest.length, MOST_ACTIVITY);
    fill(activity, latest);
  });
  fill(activity, h("li", {}, h("span", { class: "muted" }, "Now"), h("span", { class: "muted" }, "What happens from here on appears here.")));
  return page({ title: "Overview" }, figures, h("div", { class: "columns" },
    h("div", { class: "stack" }, faults,
      panel("Running transactions", { flush: true, actions: all }, running)),
    h("div", { class: "stack" },
      panel("Connectors", { actions: link("All charge points", ["charge-points"]) }, connectors),
      panel("Live", {}, activity))));
}

function figureTiles({ online, chargePoints, chargingNow, powerW, faulted }) {
  const offline = chargePoints - online;
  return [
    tile("ok", "Online", number(online), `of ${counted(chargePoints, "charge point")}${offline ? `, ${number(offline)} offline` : ""}`,
      hash(["charge-points"], { online: true })),
    tile("active", "Charging now", number(chargingNow), `${chargingNow === 1 ? "transaction" : "transactions"} of those online`,
      hash(["transactions"], { active: true })),
    tile("active", "Power now", powerParts(powerW), "of these transactions"),
    faulted > 0
      ? tile("fault", "Faulted", number(faulted), faulted === 1 ? "charge point needs attention" : "charge points need attention",
        hash(["charge-points"], FAULTED))
      : tile("ok", "Faulted", "0", "no fault reported", hash(["charge-points"], FAULTED)),
  ];
}

function tile(tone, label, value, note, href = null) {
  return h(href ? "a" : "div", { class: `panel figure ${tone === "fault" ? "figure-fault" : ""}`, href },
    h("span", { class: "figure-label" }, tone === "fault" && icon("fault"), label),
    h("span", { class: "figure-value" }, value), h("span", { class: "figure-note" }, note));
}

function powerParts(watts) {
  const text = power(watts ?? 0);
  const [amount, unit] = text.split(/\s(?=\S+$)/);
  return [amount, h("span", { class: "unit" }, unit)];
}

function connectorBars(counts) {
  const names = [...new Set([...ORDER, ...Object.keys(counts)])].filter((name) => counts[name]);
  const most = Math.max(1, ...Object.values(counts));
  if (names.length === 0) return h("p", { class: "muted" }, "No connector has reported a status yet.");
  return h("ul", { class: "meter-list" }, names.map((name) => h("li", { class: "meter-row" },
    h("span", {}, connectorBadge(name)),
    s("svg", { class: `tone-${connectorTone(name)} bar-holder`, viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: "bar-track", width: 100, height: 6 }), s("rect", { class: "bar", width: (counts[name] / most) * 100, height: 6 })),
    h("span", { class: "count" }, number(counts[name])))));
}

function runningTable(items) {
  if (items.length === 0) return empty("No transaction is running.");
  return table({
    caption: "Running transactions",
    items,
    columns: [
      { label: "Charge point", head: true, cell: (item) => [chargePointLink(item.chargePoint), h("span", { class: "below" }, `connector ${item.connectorId}`)] },
      { label: "Id tag", class: "whole", cell: (item) => item.idTag },
      { label: "For", class: "number", cell: (item) => span(item.startedAt) },
      { label: "Energy", class: "number", cell: (item) => energy(item.energyWh) },
      { label: "Power", class: "number", cell: (item) => power(item.powerW) },
      { label: "Transaction", class: "end", cell: (item) => link(`No. ${item.id}`, ["transactions", String(item.id)]) },
    ],
  });
}

function welcome(urls) {
  return empty("No charge point has connected yet.",
    h("p", {}, "Charge points connect to"),
    urls.map((url) => h("p", {}, h("code", {}, `${url}/IDENTITY`))),
    h("p", {}, "with the subprotocol ", h("code", {}, "ocpp1.6"), " and a name of your choice for IDENTITY.",
      urls.some((url) => EVERY_ADDRESS.test(url)) && " In place of 0.0.0.0 or [::] put an address of the server's machine.",
      " A charge point appears here as soon as it connects."),
    buttonLink("Add a charge point beforehand", hash(["new-charge-point"]), { icon: "plus" }));
}

function activityLine(event) {
  const text = sentence(event);
  return text && h("li", {}, h("time", { class: "muted", datetime: event.at, title: event.at }, shortTime(new Date(event.at))),
    h("span", {}, event.chargePoint ? chargePointLink(event.chargePoint) : "Somebody", " ", text));
}

function sentence(event) {
  switch (event.type) {
    case "connection":
      return onlineBadge(event.online);
    case "status":
      return [event.connectorId === 0 ? "" : `connector ${event.connectorId} `, connectorBadge(event.status),
        event.errorCode && event.errorCode !== "NoError" ? ` ${event.errorCode}` : ""];
    case "transaction":
      return [badge(event.state === "started" ? "active" : "off", event.state === "started" ? "Started" : "Stopped"), " ",
        link(`transaction ${event.transactionId}`, ["transactions", String(event.transactionId)])];
    case "call":
      return [link(event.action, ["calls", String(event.callId)]), `: ${event.status}`];
    case "securityEvent":
      return [badge("warn", "Security"), ` ${event.eventType}`];
    default:
      return null;
  }
}
