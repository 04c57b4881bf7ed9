/** Configuration keys as they were last seen. */

import { get } from "../../api.js";
import { fill, h } from "../../dom.js";
import { known, time } from "../../format.js";
import { hash } from "../../router.js";
import { badge } from "../../status.js";
import { table } from "../../table.js";
import { buttonLink, empty, panel } from "../../ui.js";

/** A list that may be broken after its commas. @param {string} value */
const breakable = (value) => value.split(/(?<=,)/).flatMap((part) => [part, h("wbr", {})]);

/** @param {import("../charge_point.js").Section} section */
export async function configuration(section) {
  const { identity, where, signal } = section;
  const content = h("div", {});
  const command = (action, value = {}) => hash(["charge-points", identity, "commands"], { action, ...value });
  const columns = [
    { label: "Key", class: "key", head: true, sort: "ascending", cell: (item) => item.key },
    { label: "Value", class: "wide", cell: (item) => h("span", { class: "mono" }, item.value ? breakable(item.value) : known(item.value)) },
    { label: "Access", cell: (item) => [item.readonly ? badge("off", "Read only") : null, item.rebootRequired ? badge("wait", "After a reboot") : null] },
    { label: "Seen", class: "time", cell: (item) => time(item.seenAt) },
    { label: "Actions", blank: true, class: "end", cell: (item) => !item.readonly && change(item) },
  ];
  const change = ({ key, value }) => {
    const element = buttonLink("Change", command("ChangeConfiguration", { key, value }), { small: true });
    element.setAttribute("aria-label", `Change ${key}`);
    return element;
  };

  async function refresh() {
    const { items } = await get(`${where}/configuration`, {}, signal);
    fill(content, items.length > 0 ? table({ caption: `Configuration of ${identity}`, columns, items })
      : empty("Nothing is known of its configuration yet.", h("p", {}, "Ask it with GetConfiguration.")));
  }
  await refresh();
  section.keepFresh((event) => event.type === "call", refresh);
  const ask = buttonLink("Ask for all keys", command("GetConfiguration"), { small: true });
  return panel("Configuration", { flush: true, actions: ask }, content);
}
