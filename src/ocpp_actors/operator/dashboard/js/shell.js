/** What surrounds every page: navigation, the state of the feed, banners. */

import { fill, h, newId } from "./dom.js";
import { icon, mark } from "./icons.js";
import { noticeArea } from "./notices.js";
import { badge } from "./status.js";
import { button } from "./ui.js";

const NAVIGATION = [
  ["Operation", [
    ["overview", "Overview", ""], ["chargePoints", "Charge points", "charge-points"],
    ["transactions", "Transactions", "transactions"], ["reservations", "Reservations", "reservations"],
  ]],
  ["Access and load", [["idTags", "Id tags", "id-tags"], ["profiles", "Charging profiles", "charging-profiles"]]],
  ["Records", [
    ["calls", "Commands sent", "calls"], ["security", "Security events", "security-events"], ["changes", "Changes", "changes"],
  ]],
];
const FEED = {
  connecting: ["wait", "Connecting…"], live: ["ok", "Live"], polling: ["warn", "Reconnecting; refreshed every 10 s"],
};

/** @param {{session: any, logOut: () => void}} options */
export function shell({ session, logOut }) {
  const main = h("main", { class: "main", id: "main", tabindex: -1 });
  const feed = h("span", { role: "status" });
  const trouble = h("div", { role: "alert" });
  const links = new Map();
  const nav = h("nav", { "aria-label": "Main" }, NAVIGATION.map(([title, entries]) => {
    const id = newId("nav");
    return h("div", { class: "nav-group" }, h("p", { class: "nav-title", id }, title),
      h("ul", { "aria-labelledby": id }, entries.map(([name, text, place]) => {
        const link = h("a", { class: "nav-link", href: `#/${place}` }, icon(name), text);
        links.set(place, link);
        return h("li", {}, link);
      })));
  }));
  const menu = h("button", { type: "button", class: "button menu-button", "aria-expanded": "false", onclick: () => open(!isOpen()) },
    icon("menu"), "Menu");
  const foot = h("div", { class: "sidebar-foot" }, feed,
    session.loginRequired && h("span", { class: "muted" }, `Logged in as ${session.name}`),
    session.loginRequired && button("Log out", logOut, { small: true }));
  const sidebar = h("header", { class: "sidebar" },
    h("a", { class: "brand", href: "#/" }, mark(), "ocpp-actors"), menu, nav, foot);
  const isOpen = () => sidebar.classList.contains("open");
  const open = (wanted) => {
    sidebar.classList.toggle("open", wanted);
    menu.setAttribute("aria-expanded", String(wanted));
  };
  sidebar.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) {
      open(false);
      menu.focus();
    }
  });
  const skip = h("a", { class: "skip-link", href: "#main", onclick: (event) => {
    event.preventDefault();
    main.focus();
  } }, "Skip to content");
  const element = h("div", { class: session.testing ? "frame frame-marked" : "frame" }, skip,
    session.testing && h("div", { class: "banner", role: "note" }, icon("warn"),
      "TESTING is on: this server can be told to misbehave. Do not connect charge points that people rely on."),
    trouble,
    h("div", { class: "shell" }, sidebar, main), noticeArea());

  return {
    element,
    main,
    showFeed: (state) => fill(feed, badge(...FEED[state])),
    /** @param {Error | null} problem */
    showTrouble(problem) {
      fill(trouble, problem && h("div", { class: "banner banner-fault" }, icon("fault"),
        `${problem.message} What you see may be out of date.`));
    },
    /** Mark the place in the navigation, and close it where it covers the page. @param {string} path */
    entered(path) {
      const place = path.split("/")[1] ?? "";
      for (const [name, link] of links) {
        if (name === place) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      open(false);
    },
  };
}
