/** The HTTP API: requests, problem details, and what to do when the session has ended. */

const BASE = new URL("api/v1/", new URL(".", document.baseURI));

/** @typedef {{path: string, message: string, rule?: string}} FieldError */

/** An answer that is not the one that was wanted, as the server's problem details tell it. */
export class Problem extends Error {
  /**
   * @param {number} status 0: there was no answer
   * @param {Record<string, any>} body
   */
  constructor(status, body) {
    super(sentence(body.detail || body.title || `The server answered ${status}`));
    this.status = status;
    this.slug = String(body.type ?? "").split(":").pop();
    this.title = body.title ?? "";
    this.body = body;
    /** @type {FieldError[]} */
    this.errors = body.errors ?? [];
  }
}

/** Words of the server as a sentence. @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

let unauthorized = () => {};

/** Call this when a request is answered 401. @param {() => void} handler */
export function onUnauthorized(handler) {
  unauthorized = handler;
}

/** A path whose inserted parts are encoded: path`charge-points/${identity}`. */
export function path(texts, ...parts) {
  return String.raw({ raw: texts }, ...parts.map((part) => encodeURIComponent(part)));
}

/**
 * The address of a resource.
 *
 * @param {string} where
 * @param {Record<string, unknown>} [query] what is null, undefined or empty is left out
 */
export function address(where, query = {}) {
  const url = new URL(where, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return url;
}

/**
 * Send a request.
 *
 * @param {string} method
 * @param {string} where
 * @param {{query?: object, body?: unknown, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 * @returns {Promise<{data: any, etag: string | null, status: number}>}
 * @throws {Problem}
 */
export async function request(method, where, { query, body, headers = {}, signal } = {}) {
  const response = await send(address(where, query), {
    method,
    signal,
    headers: {
      Accept: "application/json",
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  const data = text ? json(text) : null;
  return { data, etag: response.headers.get("ETag"), status: response.status };
}

/** The body of a GET. @returns {Promise<any>} */
export async function get(where, query = {}, signal = undefined) {
  return (await request("GET", where, { query, signal })).data;
}

/**
 * Save what a GET answers in another media type as a file.
 *
 * @param {string} where
 * @param {{query?: object, accept: string, name: string}} options
 */
export async function download(where, { query, accept, name }) {
  const response = await send(address(where, query), { headers: { Accept: accept } });
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function send(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No answer", detail: "The server cannot be reached." });
  }
  if (response.ok) return response;
  const problem = new Problem(response.status, json(await response.text()) ?? {});
  if (response.status === 401 && !url.pathname.endsWith("/session")) unauthorized();
  throw problem;
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
