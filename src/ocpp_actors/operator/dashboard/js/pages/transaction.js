/** One transaction with its load curve. */

import { download, get, path } from "../api.js";
import { fill, h } from "../dom.js";
import { energy, energyText, known, power, span, time } from "../format.js";
import { loadCurve } from "../load_curve.js";
import { hash } from "../router.js";
import { button, buttonLink, chargePointLink, facts, link, page, panel } from "../ui.js";
import { transactionBadge } from "./transactions.js";

/** @param {import("../page_context.js").Context} context */
export async function transaction(context) {
  const { id } = context.params;
  const where = path`transactions/${id}`;
  const about = h("div", {});
  const state = h("span", {});
  let found = await get(where, {}, context.signal);

  function show() {
    fill(state, transactionBadge(found));
    fill(about, facts([
      ["Charge point", chargePointLink(found.chargePoint)], ["Connector", known(found.connectorId)], ["Id tag", known(found.idTag)],
      ["Energy charged", energy(found.energyWh)], ...(found.stoppedAt ? [] : [["Power now", power(found.powerW)]]),
      ["Started", time(found.startedAt)], ["Stopped", time(found.stoppedAt)], ["Lasted", span(found.startedAt, found.stoppedAt)],
      ["Stop reason", known(found.stopReason)], ["Stopped with", known(found.stopIdTag)],
      ["Meter at start", energyText(found.meterStart)], ["Meter at stop", energy(found.meterStop)],
      ["Reservation", found.reservationId ? link(`No. ${found.reservationId}`, ["reservations"], { chargePoint: found.chargePoint }) : known(null)],
    ]));
  }

  show();
  context.keepFresh((event) => event.transactionId === found.id, async () => {
    found = await get(where, {}, context.signal);
    show();
  });
  const curve = await loadCurve(found, context);
  const exported = () => context.guard(() => download(`${where}/meter-values`, { accept: "text/csv", name: `transaction-${id}.csv` }));
  return page({
    title: `Transaction ${id}`,
    crumbs: link("Transactions", ["transactions"]),
    lead: state,
    actions: [
      !found.stoppedAt && buttonLink("Stop charging", hash(["charge-points", found.chargePoint, "commands"],
        { action: "RemoteStopTransaction", transactionId: found.id })),
      button("Meter values as CSV", exported, { icon: "download" }),
    ],
  }, panel("Load curve", {}, curve), panel("Details", {}, about));
}
