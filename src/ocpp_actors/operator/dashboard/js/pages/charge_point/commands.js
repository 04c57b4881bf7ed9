/** Every command as a form, and the commands sent before. */

import { get } from "../../api.js";
import { commandForm } from "../../command_form.js";
import { h } from "../../dom.js";
import { keepQuery } from "../../router.js";
import { pagedTable } from "../../table.js";
import { empty, link, panel } from "../../ui.js";
import { callColumns } from "../calls.js";

const NUMBERS = ["connectorId", "transactionId", "reservationId"];

/** @param {import("../charge_point.js").Section} section */
export async function commands(section) {
  const { query, identity, signal } = section;
  const { action = "", ...rest } = Object.fromEntries(query);
  const value = Object.fromEntries(Object.entries(rest).map(([name, text]) => [name, NUMBERS.includes(name) ? Number(text) : text]));
  const suggest = await suggestions(section);
  let first = true;
  const form = await commandForm({
    chargePoint: section.chargePoint, action, value, suggest,
    chosen(name) {
      if (!first) keepQuery({ action: name });
      first = false;
    },
  });
  section.changed(form.update);
  const rows = pagedTable({
    caption: `Commands sent to ${identity}`,
    columns: callColumns({ chargePoint: false }),
    load: (cursor) => get("calls", { chargePoint: identity, limit: 20, cursor }, signal),
    key: (item) => String(item.callId),
    noun: "command",
    empty: () => empty("No command was sent to it yet."),
  });
  await rows.refresh();
  section.keepFresh((event) => event.type === "call", rows.refresh);
  return h("div", { class: "stack" }, panel("Send a command", {}, form.element),
    panel("Sent before", { flush: true, actions: link("All commands", ["calls"], { chargePoint: identity }) }, rows.element));
}

/** What is likely to be typed, out of what is known of the charge point. */
async function suggestions({ chargePoint, identity, where, signal }) {
  const [running, tags, keys, reserved] = await Promise.all([
    get("transactions", { chargePoint: identity, active: true, limit: 20 }, signal),
    get("id-tags", { limit: 100 }, signal),
    get(`${where}/configuration`, {}, signal),
    get("reservations", { chargePoint: identity, active: true, limit: 20 }, signal),
  ]);
  const known = {
    connectorId: chargePoint().connectors.map(({ connectorId }) => connectorId),
    transactionId: running.items.map(({ id }) => id),
    idTag: tags.items.map(({ idTag }) => idTag),
    key: keys.items.map(({ key }) => key),
    reservationId: reserved.items.map(({ id }) => id),
  };
  return (name) => known[name] ?? [];
}
