/** The message log: search, filters, frames made readable, what was wrong with them; it can be followed live. */

import { download, get } from "../../api.js";
import { actions } from "../../actions.js";
import { fill, h, newId } from "../../dom.js";
import { Feed } from "../../events.js";
import { time } from "../../format.js";
import { icon } from "../../icons.js";
import { frameBlock } from "../../json.js";
import { search, select } from "../../pickers.js";
import { keepQuery } from "../../router.js";
import { badge } from "../../status.js";
import { atMostEvery } from "../../throttle.js";
import { button, callout, empty, panel } from "../../ui.js";

const ROWS = 50;
const SENT_BY_CHARGE_POINTS = [
  "Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat",
  "LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate", "SignedFirmwareStatusNotification",
  "StartTransaction", "StatusNotification", "StopTransaction",
];
const KINDS = { 2: "Call", 3: "Result", 4: "Error" };

/** @param {import("../charge_point.js").Section} section */
export async function messages(section) {
  const { identity, query, signal, guard } = section;
  const names = [...new Set([...SENT_BY_CHARGE_POINTS, ...(await actions()).map(({ action }) => action)])].sort();
  const list = h("ol", { class: "messages" });
  const nothing = h("div", {});
  const rows = new Map();
  let cursors = [null];
  let next = null;
  const given = (name) => query.get(name) ?? "";
  const restart = () => {
    keepQuery(chosen());
    cursors = [null];
    guard(refresh);
  };
  const text = search({ label: "Search in frames", value: given("search"), changed: restart });
  const direction = select({ label: "Direction", value: given("direction"), changed: restart,
    pairs: [["", "Both"], ["in", "From the charge point"], ["out", "To the charge point"]] });
  const action = select({ label: "Action", value: given("action"), changed: restart, pairs: [["", "All"], ...names.map((each) => [each, each])] });
  const followed = h("input", { id: newId("follow"), type: "checkbox", checked: true });
  const older = button("Older", () => turn(() => cursors.push(next)), { small: true });
  const newer = button("Newer", () => turn(() => cursors.pop()), { small: true });
  const foot = h("div", { class: "table-foot" }, h("span", { class: "muted" }, "Newest first"), h("div", { class: "actions" }, newer, older));

  function chosen() {
    return { search: text.value(), direction: direction.value(), action: action.value() };
  }

  async function refresh() {
    const cursor = cursors.at(-1);
    const found = await get("messages", { chargePoint: identity, ...chosen(), order: "newest", limit: ROWS, cursor }, signal);
    next = found.nextCursor;
    const fresh = numbered(found.items).map(([key, item]) => [key, rows.get(key) ?? row(item)]);
    rows.clear();
    fresh.forEach(([key, element]) => rows.set(key, element));
    reconcile(list, fresh.map(([, element]) => element));
    fill(nothing, found.items.length === 0 && empty("No message matches."));
    newer.disabled = cursors.length === 1;
    older.disabled = next === null;
  }

  async function turn(step) {
    step();
    await guard(refresh);
    list.querySelector("summary")?.focus();
  }

  await refresh();
  follow(section, followed, atMostEvery(1000, () => {
    if (cursors.length === 1 && !signal.aborted) return guard(refresh);
    return undefined;
  }));
  const exported = () => guard(() => download("messages", {
    query: { chargePoint: identity, ...chosen() }, accept: "application/x-ndjson", name: `${identity}.jsonl`,
  }));
  const filters = h("search", {}, h("form", { class: "filters", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
    text.element, direction.element, action.element,
    h("div", { class: "check" }, followed, h("label", { for: followed.id }, "Follow live"))));
  return h("div", { class: "stack" }, filters,
    panel("Messages", { flush: true, actions: button("Export", exported, { small: true, icon: "download" }) }, list, nothing, foot));
}

/** A feed of this charge point's messages, open only while they are followed. */
function follow({ identity, signal }, box, arrived) {
  let end = new AbortController();
  const start = () => {
    end.abort();
    end = new AbortController();
    if (!box.checked || signal.aborted) return;
    const feed = new Feed({ types: "message", chargePoint: identity });
    end.signal.addEventListener("abort", () => feed.close());
    feed.listen(arrived, end.signal);
    feed.open();
    arrived();
  };
  box.addEventListener("change", start);
  signal.addEventListener("abort", () => end.abort());
  start();
}

/** The same frame may come twice at the same time; each gets a key of its own. */
function numbered(items) {
  const counts = new Map();
  return items.map((item) => {
    const name = `${item.at} ${item.direction} ${item.frame}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return [`${name} ${counts.get(name)}`, item];
  });
}

/** Put children in order without touching those that stay: what is open or focused remains so. */
function reconcile(parent, wanted) {
  const stays = new Set(wanted);
  for (const child of [...parent.children]) if (!stays.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
}

function row({ at, direction, action, frame, verdict, messageId }) {
  const body = h("div", { class: "message-body" });
  const incoming = direction === "in";
  const element = h("details", { class: "message", ontoggle: () => {
    if (!element.open || body.children.length > 0) return;
    fill(body, verdict && callout("warn", "What is wrong or odd about it", h("p", {}, verdict)), frameBlock(frame));
  } },
  h("summary", {}, time(at),
    h("span", { class: "direction" }, icon(incoming ? "in" : "out"), incoming ? "Received" : "Sent"),
    h("span", { class: "badges" }, h("strong", {}, action ?? kind(frame)), verdict && badge("warn", "Faulty")),
    h("span", { class: "preview", title: messageId ? `Message ${messageId}` : null }, frame.slice(0, 300))),
  body);
  return h("li", {}, element);
}

function kind(frame) {
  const [, type] = /^\s*\[\s*([234])\s*,/.exec(frame) ?? [];
  return KINDS[type] ?? "Unreadable";
}
