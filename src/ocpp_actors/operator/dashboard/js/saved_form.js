/**
 * A form for something that several operators may change: it is saved only over the version that was read. Where it was
 * changed meanwhile, the person decides between the two.
 */

import { Problem, request } from "./api.js";
import { fill, h } from "./dom.js";
import { schemaForm } from "./forms.js";
import { jsonBlock } from "./json.js";
import { button, callout } from "./ui.js";

/**
 * @param {object} options
 * @param {string} options.where the resource
 * @param {Record<string, any>} options.schema
 * @param {object | undefined} options.value
 * @param {string | null} options.etag null: it must not exist yet
 * @param {"PUT" | "PATCH"} [options.method]
 * @param {string} options.submit
 * @param {(data: any) => any} options.valueOf takes the form's value out of an answer
 * @param {(data: any) => void} options.saved
 * @param {import("./dom.js").Child} [options.extra]
 */
export function savedForm({ where, schema, value, etag, method = "PUT", submit, valueOf, saved, extra }) {
  const place = h("div", {});
  const conflict = h("div", { role: "alert" });
  let version = etag;

  function show(current) {
    fill(place, schemaForm({ schema, value: current, submit, send: save, extra, before: conflict }).element);
  }

  async function save(body) {
    fill(conflict);
    const headers = version === null ? { "If-None-Match": "*" } : { "If-Match": version };
    try {
      const answer = await request(method, where, { body, headers });
      version = answer.etag ?? version;
      saved(answer.data);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 412) throw problem;
      await ask(body);
    }
  }

  async function ask(body) {
    const { data, etag: theirs } = await request("GET", where);
    const take = () => {
      version = theirs;
      fill(conflict);
      show(valueOf(data));
      place.querySelector("input, select, textarea")?.focus();
    };
    const insist = () => {
      version = theirs;
      save(body).catch((problem) => fill(conflict, callout("fault", problem.message)));
    };
    fill(conflict, callout("warn", etag === null ? "It exists already" : "Somebody else changed this meanwhile",
      h("p", {}, "Nothing was saved. This is what it is now:"), jsonBlock(valueOf(data), "What it is now"),
      h("div", { class: "actions" }, button("Take theirs", take), button("Save mine over it", insist, { kind: "danger" }))));
    conflict.querySelector("button").focus();
  }

  show(value);
  return place;
}

/** A resource with its version. @param {string} where @param {AbortSignal} signal */
export async function versioned(where, signal) {
  const { data, etag } = await request("GET", where, { signal });
  return { data, etag: etag ?? (data.version === undefined ? null : `"${data.version}"`) };
}
