/** The login: the token of the API for a cookie. */

import { Problem, request } from "../api.js";
import { fill, h, newId } from "../dom.js";
import { icon, mark } from "../icons.js";
import { callout } from "../ui.js";

const SAID = {
  0: "The server cannot be reached. Is it running?",
  401: "This is not the token of this server. It is what OCPP_ACTORS_API_TOKEN was set to when the server was started.",
  403: "The server refused the login, because it came from another address than the server's own.",
  429: "Too many attempts. Wait a little.",
};

/** @param {{testing: boolean}} session @param {() => void} done */
export function loginPage(session, done) {
  const token = h("input", { id: newId("token"), class: "input", type: "password", autocomplete: "current-password", "aria-required": "true" });
  const name = h("input", { id: newId("name"), class: "input", autocomplete: "username", maxlength: 50 });
  const message = h("div", { role: "alert", id: newId("message") });
  token.setAttribute("aria-describedby", message.id);
  const form = h("form", { class: "form", novalidate: true, onsubmit },
    h("div", { class: "field" }, h("label", { for: token.id }, "API token"), token),
    h("div", { class: "field" }, h("label", { for: name.id }, "Your name", h("span", { class: "optional" }, " (optional)")), name,
      h("p", { class: "hint" }, "Kept with every change that you make.")),
    message,
    h("button", { class: "button button-primary" }, "Log in"));

  async function onsubmit(event) {
    event.preventDefault();
    fill(message);
    if (token.value === "") {
      refuse("Give the token.");
      return;
    }
    try {
      await request("POST", "session", { body: { token: token.value, ...(name.value.trim() && { name: name.value.trim() }) } });
      done();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      refuse(SAID[problem.status] ?? problem.message);
    }
  }

  function refuse(text) {
    fill(message, callout("fault", text));
    token.setAttribute("aria-invalid", "true");
    token.select();
    token.focus();
  }

  return h("main", { class: "login" }, h("div", { class: "login-card" },
    h("span", { class: "brand" }, mark(), "ocpp-actors"),
    h("h1", {}, "Log in"),
    session.testing && h("div", { class: "callout tone-warn" }, h("div", { class: "callout-title" }, icon("warn"), "TESTING is on")),
    form));
}
