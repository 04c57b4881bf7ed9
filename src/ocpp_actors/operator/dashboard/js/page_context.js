/** What a page gets: where it is, how it stays fresh, and when it ends. */

import { Problem } from "./api.js";
import { afterPause, atMostEvery } from "./throttle.js";

const LEAST_BETWEEN = 1_000;
const WRITTEN_BEHIND = 2_000;

/**
 * @typedef {object} Context
 * @property {AbortSignal} signal ends with the page
 * @property {Record<string, string>} params
 * @property {URLSearchParams} query
 * @property {import("./events.js").Feed} feed
 * @property {(listener: (batch: import("./events.js").FeedEvent[]) => void) => void} live listens until the page ends
 * @property {(wanted: (event: import("./events.js").FeedEvent) => boolean, refresh: () => Promise<unknown>) => () => void} keepFresh
 *   refreshes, at most once a second, after such an event, and once more when the server's ledger has surely caught up
 *   with it, as well as with what came before the page listened; returns a function that asks for it
 * @property {(work: () => Promise<unknown>) => Promise<void>} guard shows a problem of work in the background
 */

/** @returns {Context & {end: () => void}} */
export function pageContext({ params, query, feed, trouble }) {
  const controller = new AbortController();
  const { signal } = controller;
  const live = (listener) => feed.listen(listener, signal);

  async function guard(work) {
    try {
      await work();
      if (!signal.aborted) trouble(null);
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      if (!(error instanceof Problem)) throw error;
      trouble(error);
    }
  }

  function keepFresh(wanted, refresh) {
    const ask = atMostEvery(LEAST_BETWEEN, () => (signal.aborted ? undefined : guard(refresh)));
    const askAgain = afterPause(WRITTEN_BEHIND, ask);
    live((batch) => {
      if (!batch.some((event) => event.type === "refresh" || wanted(event))) return;
      ask();
      askAgain();
    });
    askAgain();
    return ask;
  }

  return { signal, params, query, feed, live, keepFresh, guard, end: () => controller.abort() };
}
