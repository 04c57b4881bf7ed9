/** A form made from a JSON Schema, checked in place before it is sent, and by the server afterwards. */

import { Problem } from "./api.js";
import { fill, h } from "./dom.js";
import { properties } from "./fields.js";
import { counted } from "./format.js";
import { callout } from "./ui.js";

/**
 * `send` gets the value once it is right. A Problem that it throws is shown at the fields that it speaks of, and above
 * the button.
 *
 * @param {object} options
 * @param {Record<string, any>} options.schema of an object
 * @param {string} options.submit the button's text
 * @param {(value: any) => Promise<unknown>} options.send
 * @param {object} [options.value]
 * @param {(name: string) => (string | number)[]} [options.suggest]
 * @param {import("./dom.js").Child} [options.extra] beside the button
 * @param {import("./dom.js").Child} [options.before] under the fields
 */
export function schemaForm({ schema, submit, send, value, suggest, extra, before }) {
  const fields = properties(schema, { value, suggest });
  const summary = h("div", { role: "alert" });
  const button = h("button", { class: "button button-primary" }, submit);
  const form = h("form", { class: "form", novalidate: true, onsubmit, onmousedown }, fields.element, before, summary,
    h("div", { class: "actions" }, button, extra));

  async function onsubmit(event) {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    fill(summary);
    fields.clear();
    if (!fields.check()) {
      point();
      return;
    }
    button.setAttribute("aria-disabled", "true");
    form.setAttribute("aria-busy", "true");
    try {
      await send(fields.read());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      showProblem(error);
    } finally {
      button.removeAttribute("aria-disabled");
      form.removeAttribute("aria-busy");
    }
  }

  /* Without this a click on a button would first end the typing: a message comes or goes, and the button is elsewhere. */
  function onmousedown(event) {
    if (event.target.closest("button")) event.preventDefault();
  }

  function point() {
    const wrong = form.querySelectorAll("[aria-invalid]");
    if (wrong.length > 0) {
      fill(summary, callout("fault", `${counted(wrong.length, "field needs", "fields need")} a correction.`));
      wrong[0].focus();
    }
  }

  /** @param {Problem} problem */
  function showProblem(problem) {
    const homeless = problem.errors.filter((error) => !fields.show(steps(error.path), error.message));
    point();
    const list = homeless.length > 0 && h("ul", {}, homeless.map((error) => h("li", {}, `${error.path} ${error.message}`)));
    if (homeless.length > 0 || problem.errors.length === 0) fill(summary, callout("fault", problem.message, list));
  }

  return { element: form, showProblem, button };
}

/** The steps of a JSON pointer (RFC 6901). @param {string} pointer */
function steps(pointer) {
  return pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}
