/** All charge points, searched and filtered by the server. */

import { h } from "../dom.js";
import { known, power, time } from "../format.js";
import { listPage } from "../list_page.js";
import { search, select } from "../pickers.js";
import { current, hash } from "../router.js";
import { connectorBadge, onlineBadge, registrationBadge } from "../status.js";
import { buttonLink, chargePointLink, empty } from "../ui.js";

const MOST_CONNECTORS = 4;
const ROW_CHANGES = ["status", "meterValues", "transaction"];

/** @param {import("../page_context.js").Context} context */
export function chargePoints(context) {
  const given = (name) => context.query.get(name) ?? "";
  return listPage(context, {
    head: {
      title: "Charge points",
      actions: buttonLink("Add a charge point", hash(["new-charge-point"]), { icon: "plus" }),
    },
    where: "charge-points",
    key: (item) => item.identity,
    noun: "charge point",
    filters: (changed) => [
      { name: "search", ...search({ label: "Search", value: given("search"), placeholder: "Identity, vendor, model, serial number, firmware", changed }) },
      { name: "online", ...select({ label: "Connection", value: given("online"), changed, pairs: [["", "All"], ["true", "Online"], ["false", "Offline"]] }) },
      { name: "registration", ...select({ label: "Registration", value: given("registration"), changed,
        pairs: [["", "All"], ["Accepted", "Accepted"], ["Pending", "Pending"], ["Rejected", "Rejected"]] }) },
      { name: "faulted", ...select({ label: "Faults", value: given("faulted"), changed, pairs: [["", "All"], ["true", "Faulted"], ["false", "No fault"]] }) },
    ],
    empty: (filtered) => (filtered ? empty("No charge point matches.") : empty("No charge point has connected yet.")),
    wanted: (event, shows) => event.type === "connection" || (event.type === "status" && current().query.has("faulted"))
      || (ROW_CHANGES.includes(event.type) && shows((item) => item.identity === event.chargePoint)),
    columns: [
      { label: "Identity", head: true, sort: "ascending", cell: (item) => chargePointLink(item.identity) },
      { label: "State", cell: stateBadges },
      { label: "Connectors", cell: connectorBadges },
      { label: "Power", class: "number", cell: (item) => (item.powerW === null ? null : power(item.powerW)) },
      { label: "Vendor and model", cell: (item) => known([item.vendor, item.model].filter(Boolean).join(" ")) },
      { label: "Firmware", class: "minor", cell: (item) => item.firmwareVersion },
      { label: "Last heard of", class: "time", cell: (item) => time(item.lastSeen) },
    ],
  });
}

/** Its registration is worth a word only where it is not the usual one. */
function stateBadges({ online, registration }) {
  return h("span", { class: "badges" }, onlineBadge(online), registration !== "Accepted" && registrationBadge(registration));
}

function connectorBadges({ connectors, online }) {
  const own = connectors.filter(({ connectorId }) => connectorId > 0);
  const whole = connectors.find(({ connectorId, status }) => connectorId === 0 && status !== "Available");
  const shown = [...(whole ? [whole] : []), ...own];
  if (shown.length === 0) return known(null);
  return h("span", { class: "badges badges-beside", title: online ? null : "As last reported" }, shown.slice(0, MOST_CONNECTORS).map(({ status }) => connectorBadge(status)),
    shown.length > MOST_CONNECTORS && h("span", { class: "muted" }, `+${shown.length - MOST_CONNECTORS}`));
}
