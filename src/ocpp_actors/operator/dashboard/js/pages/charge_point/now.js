/** What the charge point does now: connectors, running transactions with their curves, what it is. */

import { get } from "../../api.js";
import { fill, h } from "../../dom.js";
import { energy, known, power, span, time } from "../../format.js";
import { loadCurve } from "../../load_curve.js";
import { hash } from "../../router.js";
import { connectorBadge } from "../../status.js";
import { buttonLink, facts, link, panel } from "../../ui.js";

/** @param {import("../charge_point.js").Section} section */
export async function now(section) {
  const connectors = h("div", { class: "connectors" });
  const running = h("div", { class: "stack" });
  const details = h("div", {});
  /** Panels of the running transactions, by id. @type {Map<number, {element: HTMLElement, show: (transaction: any) => void}>} */
  const panels = new Map();
  let transactions = [];

  async function refresh() {
    const { items } = await get("transactions", { chargePoint: section.identity, active: true, limit: 20 }, section.signal);
    transactions = items;
    for (const id of panels.keys()) if (!items.some((item) => item.id === id)) panels.delete(id);
    for (const item of items) {
      if (!panels.has(item.id)) panels.set(item.id, await transactionPanel(item, section));
      panels.get(item.id).show(item);
    }
    const wanted = [...panels.values()].map(({ element }) => element);
    if (wanted.some((element, index) => running.children[index] !== element) || wanted.length !== running.children.length) fill(running, wanted);
    show();
  }

  function show() {
    const found = section.chargePoint();
    const own = found.connectors.filter(({ connectorId }) => connectorId > 0);
    fill(connectors, own.length > 0 ? own.map((each) => connectorCard(each, found, transactions)) : h("p", { class: "muted" }, "No connector has reported its status yet."));
    fill(details, facts(detailsOf(found)));
  }

  await refresh();
  section.changed(show);
  section.keepFresh((event) => ["transaction", "meterValues"].includes(event.type), refresh);
  const sendCommand = buttonLink("Send a command", hash(["charge-points", section.identity, "commands"]), { small: true });
  return h("div", { class: "stack" }, panel("Connectors", { actions: sendCommand }, whole(section), connectors), running, panel("Details", {}, details));
}

/** Connector 0 is the charge point itself; it is worth a word only when something is wrong with it. */
function whole(section) {
  const line = h("p", {});
  const show = () => {
    const found = section.chargePoint().connectors.find(({ connectorId, status, errorCode }) =>
      connectorId === 0 && (status !== "Available" || errorCode !== "NoError"));
    line.hidden = !found;
    fill(line, found && ["The charge point itself: ", connectorBadge(found.status), " ", fault(found)]);
  };
  show();
  section.changed(show);
  return line;
}

function connectorCard(connector, { identity, online }, transactions) {
  const { connectorId, status, timestamp, receivedAt } = connector;
  const transaction = transactions.find((each) => each.connectorId === connectorId);
  const command = (text, action, value) => buttonLink(text, hash(["charge-points", identity, "commands"], { action, ...value }), { small: true });
  return h("div", { class: "connector" },
    h("div", { class: "connector-head" }, h("h3", {}, `Connector ${connectorId}`), connectorBadge(status)),
    fault(connector),
    h("p", { class: "small muted" }, online ? "Since " : "Last reported ", time(timestamp ?? receivedAt)),
    h("div", { class: "actions" },
      transaction
        ? command("Stop charging", "RemoteStopTransaction", { transactionId: transaction.id })
        : command("Start charging", "RemoteStartTransaction", { connectorId }),
      command("Unlock", "UnlockConnector", { connectorId })));
}

function fault({ errorCode, info, vendorErrorCode }) {
  if ((!errorCode || errorCode === "NoError") && !info) return null;
  const parts = [errorCode === "NoError" ? null : errorCode, vendorErrorCode && `vendor code ${vendorErrorCode}`, info];
  return h("p", { class: "small" }, parts.filter(Boolean).join(", "));
}

async function transactionPanel(transaction, section) {
  const figures = h("div", {});
  const curve = await loadCurve(transaction, section);
  const to = link(`Transaction ${transaction.id}`, ["transactions", String(transaction.id)]);
  const element = panel(["Charging on connector ", String(transaction.connectorId)], { actions: to }, figures, curve);
  return {
    element,
    show: (item) => fill(figures, facts([
      ["Power now", h("strong", {}, power(item.powerW))], ["Energy charged", h("strong", {}, energy(item.energyWh))],
      ["Id tag", known(item.idTag)], ["Started", time(item.startedAt)], ["For", span(item.startedAt)],
    ])),
  };
}

function detailsOf(found) {
  return [
    ["Vendor", known(found.vendor)], ["Model", known(found.model)], ["Serial number", known(found.serialNumber)],
    ["Charge box serial number", known(found.chargeBoxSerialNumber)], ["Firmware", known(found.firmwareVersion)],
    ["Meter type", known(found.meterType)], ["Meter serial number", known(found.meterSerialNumber)],
    ["ICCID", known(found.iccid)], ["IMSI", known(found.imsi)], ["Address", known(found.remote)],
    ["Connected since", time(found.connectedSince)], ["Last heard of", time(found.lastSeen)], ["Last boot", time(found.bootedAt)],
    ["First seen", time(found.firstSeen)],
  ];
}
