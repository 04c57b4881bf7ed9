/** One charge point: its head, and one of its sections below. */

import { get, path } from "../api.js";
import { fill, h } from "../dom.js";
import { known } from "../format.js";
import { hash } from "../router.js";
import { badge, onlineBadge, progressBadge, registrationBadge } from "../status.js";
import { link, page } from "../ui.js";
import { commands } from "./charge_point/commands.js";
import { configuration } from "./charge_point/configuration.js";
import { localList } from "./charge_point/local_list.js";
import { messages } from "./charge_point/messages.js";
import { profiles } from "./charge_point/profiles.js";
import { records } from "./charge_point/records.js";
import { settings } from "./charge_point/settings.js";
import { now } from "./charge_point/now.js";

const SECTIONS = {
  now: ["Now", now], commands: ["Commands", commands], messages: ["Messages", messages], records: ["History", records],
  configuration: ["Configuration", configuration], profiles: ["Charging profiles", profiles],
  "local-list": ["Local list", localList], settings: ["Settings", settings],
};
const CHANGES = ["connection", "status", "transaction", "meterValues", "progress"];

/**
 * What a section gets beside the page's context.
 *
 * @typedef {import("../page_context.js").Context & {
 *   where: string, identity: string, chargePoint: () => any, changed: (listener: () => void) => void,
 * }} Section
 */

/** @param {import("../page_context.js").Context} context */
export async function chargePoint(context) {
  const { params } = context;
  const where = path`charge-points/${params.identity}`;
  const listeners = [];
  const state = h("div", { class: "badges" });
  let found = await get(where, {}, context.signal);
  const { identity } = found;
  const name = params.section in SECTIONS ? params.section : "now";

  function show() {
    fill(state, onlineBadge(found.online), registrationBadge(found.registration),
      Object.entries(found.progress).map(([kind, status]) => progressBadge(kind, status)),
      found.waitingCalls > 0 && badge("wait", `${found.waitingCalls} waiting`),
      h("span", { class: "muted" }, known([found.vendor, found.model].filter(Boolean).join(" "))));
    listeners.forEach((listener) => listener());
  }

  const same = (event) => event.chargePoint === identity;
  context.keepFresh((event) => same(event) && CHANGES.includes(event.type), async () => {
    found = await get(where, {}, context.signal);
    show();
  });
  const section = {
    ...context,
    where,
    identity,
    chargePoint: () => found,
    changed: (listener) => listeners.push(listener),
    keepFresh: (wanted, refresh) => context.keepFresh((event) => same(event) && wanted(event), refresh),
  };
  const content = await SECTIONS[name][1](section);
  show();
  const shown = page({ title: identity, crumbs: link("Charge points", ["charge-points"]), lead: state },
    h("nav", { class: "tabs", "aria-label": `Sections of ${identity}` }, Object.entries(SECTIONS).map(([each, [text]]) =>
      h("a", { href: hash(["charge-points", identity, ...(each === "now" ? [] : [each])]), "aria-current": each === name && "page" }, text))),
    content);
  return { ...shown, title: `${identity}: ${SECTIONS[name][0]}` };
}
