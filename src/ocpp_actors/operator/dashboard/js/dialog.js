/** A question before something that cannot be undone. */

import { h, newId } from "./dom.js";

/**
 * Ask; the answer is whether the person agreed.
 *
 * @param {{title: string, text: string, action: string}} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, action }) {
  const heading = newId("dialog");
  const dialog = h("dialog", { "aria-labelledby": heading },
    h("form", { method: "dialog" },
      h("h2", { id: heading }, title),
      h("p", {}, text),
      h("div", { class: "actions" },
        h("button", { class: "button", value: "no", autofocus: true }, "Cancel"),
        h("button", { class: "button button-danger", value: "yes" }, action))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
