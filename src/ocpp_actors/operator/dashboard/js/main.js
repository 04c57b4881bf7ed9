/** Starts the dashboard: session, shell, pages. */

import { get, onUnauthorized, Problem, request } from "./api.js";
import { fill, h } from "./dom.js";
import { Feed } from "./events.js";
import { pageContext } from "./page_context.js";
import { callDetail } from "./pages/call.js";
import { calls } from "./pages/calls.js";
import { changes } from "./pages/changes.js";
import { chargePoint } from "./pages/charge_point.js";
import { chargePoints } from "./pages/charge_points.js";
import { chargingProfile } from "./pages/charging_profile.js";
import { chargingProfiles } from "./pages/charging_profiles.js";
import { idTag } from "./pages/id_tag.js";
import { idTags } from "./pages/id_tags.js";
import { loginPage } from "./pages/login.js";
import { newChargePoint } from "./pages/new_charge_point.js";
import { newReservation } from "./pages/new_reservation.js";
import { overview } from "./pages/overview.js";
import { reservations } from "./pages/reservations.js";
import { securityEvents } from "./pages/security_events.js";
import { transaction } from "./pages/transaction.js";
import { transactions } from "./pages/transactions.js";
import { current, match } from "./router.js";
import { shell } from "./shell.js";
import { button, buttonLink, callout, page } from "./ui.js";

/** @type {[string, import("./router.js").Page][]} */
const ROUTES = [
  ["/", overview],
  ["/charge-points", chargePoints],
  ["/new-charge-point", newChargePoint],
  ["/charge-points/:identity/:section?", chargePoint],
  ["/transactions", transactions],
  ["/transactions/:id", transaction],
  ["/id-tags", idTags],
  ["/id-tags/:idTag", idTag],
  ["/new-id-tag", idTag],
  ["/reservations", reservations],
  ["/new-reservation", newReservation],
  ["/charging-profiles", chargingProfiles],
  ["/charging-profiles/:name", chargingProfile],
  ["/new-charging-profile", chargingProfile],
  ["/calls", calls],
  ["/calls/:id", callDetail],
  ["/security-events", securityEvents],
  ["/changes", changes],
];

const app = document.getElementById("app");
/** Ends what is shown now. */
let leave = () => {};

async function start() {
  leave();
  try {
    const session = await get("session");
    if (session.loginRequired && !session.loggedIn) logIn(session);
    else run(session);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const { element } = page({ title: "The server cannot be used now" }, callout("fault", problem.message),
      h("div", {}, button("Try again", start)));
    fill(app, h("main", { class: "main" }, element));
  }
}

function logIn(session) {
  document.title = "Log in · ocpp-actors";
  leave = () => {};
  fill(app, loginPage(session, start));
}

/** @param {any} session */
function run(session) {
  const feed = new Feed();
  const frame = shell({ session, logOut });
  let context = null;
  let count = 0;

  async function show() {
    count += 1;
    const mine = count;
    const { path, query } = current();
    const found = match(ROUTES, path);
    const previous = context;
    context = pageContext({ params: found?.params ?? {}, query, feed, trouble: frame.showTrouble });
    const { signal } = context;
    previous?.end();
    frame.entered(path);
    frame.main.setAttribute("aria-busy", "true");
    const shown = await render(found, context);
    if (mine !== count || signal.aborted) return;
    frame.main.removeAttribute("aria-busy");
    document.title = `${shown.title} · ocpp-actors`;
    fill(frame.main, shown.element);
    shown.element.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    if (mine > 1) {
      const target = shown.element.querySelector(".tabs [aria-current]") ?? shown.element.querySelector("h1");
      (previous?.params.identity === context.params.identity ? target : shown.element.querySelector("h1"))?.focus();
      window.scrollTo(0, 0);
    }
  }

  leave = () => {
    count += 1;
    context?.end();
    feed.close();
    window.removeEventListener("hashchange", show);
  };
  window.addEventListener("hashchange", show);
  fill(app, frame.element);
  feed.onState(frame.showFeed);
  feed.open();
  show();
}

async function render(found, context) {
  if (found === null) return page({ title: "There is no such page" }, h("p", {}, h("a", { href: "#/" }, "To the overview")));
  try {
    return await found.page(context);
  } catch (problem) {
    if (problem.name === "AbortError") return page({ title: "Left" });
    if (!(problem instanceof Problem)) throw problem;
    const title = problem.status === 404 ? "Not found" : "This cannot be shown now";
    const again = button("Try again", () => window.dispatchEvent(new HashChangeEvent("hashchange")));
    return page({ title }, callout("fault", problem.message),
      h("div", { class: "actions" }, again, buttonLink("To the overview", "#/", { kind: "quiet" })));
  }
}

async function logOut() {
  await request("DELETE", "session").catch(() => {});
  start();
}

onUnauthorized(() => {
  leave();
  start();
});
start();
