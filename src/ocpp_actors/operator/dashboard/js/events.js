/**
 * Server-Sent Events: one feed for the whole dashboard, and one more for the messages that somebody follows.
 *
 * Events are handed on in batches, one a frame. When the feed opens, had a gap, or does not come about, listeners get an
 * event of type `refresh`: what they show may be out of date. A feed rests while nobody sees the page, because browsers
 * open only a few connections to one server, and catches up afterwards.
 *
 * @typedef {{type: string, chargePoint?: string, at?: string} & Record<string, any>} FeedEvent `eventType`: its data's own type
 * @typedef {"connecting" | "live" | "polling"} FeedState
 */

import { address } from "./api.js";

const TYPES = [
  "connection", "status", "transaction", "meterValues", "message", "call", "progress", "reservation", "securityEvent",
  "flag", "restart",
];
const POLL = 10_000;
const RETRY_FIRST = 1_000;
const RETRY_LAST = 30_000;
const MOST_WAITING = 5_000;

export class Feed {
  #query;
  #source = null;
  #lastId = "";
  #retry = RETRY_FIRST;
  #retryTimer = null;
  #pollTimer = null;
  #listeners = new Set();
  #stateListeners = new Set();
  #waiting = [];
  #frame = null;
  #open = false;
  /** @type {FeedState} */
  state = "connecting";

  /** @param {{types?: string, chargePoint?: string}} [query] */
  constructor(query = {}) {
    this.#query = query;
  }

  open() {
    this.#open = true;
    document.addEventListener("visibilitychange", this.#seen);
    if (!document.hidden) this.#connect();
  }

  close() {
    this.#open = false;
    document.removeEventListener("visibilitychange", this.#seen);
    this.#disconnect();
  }

  /** @param {(batch: FeedEvent[]) => void} listener @param {AbortSignal} signal */
  listen(listener, signal) {
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener));
  }

  /** @param {(state: FeedState) => void} listener */
  onState(listener) {
    this.#stateListeners.add(listener);
    listener(this.state);
  }

  #seen = () => {
    if (document.hidden) this.#disconnect();
    else if (this.#open && this.#source === null) this.#connect();
  };

  #connect() {
    this.#disconnect();
    const source = new EventSource(address("events", { ...this.#query, lastEventId: this.#lastId }));
    this.#source = source;
    source.onopen = () => {
      this.#add({ type: "refresh" });
      this.#retry = RETRY_FIRST;
      clearInterval(this.#pollTimer);
      this.#pollTimer = null;
      this.#setState("live");
    };
    source.onerror = () => {
      this.#setState("polling");
      this.#pollTimer ??= setInterval(() => this.#add({ type: "refresh" }), POLL);
      if (source.readyState === EventSource.CLOSED) this.#reconnectLater();
    };
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        this.#lastId = event.lastEventId;
        const data = JSON.parse(event.data);
        this.#add({ ...data, eventType: data.type, type });
      });
    }
    for (const type of ["gap", "dropped"]) source.addEventListener(type, () => this.#add({ type: "refresh" }));
  }

  #reconnectLater() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      if (this.#open && !document.hidden) this.#connect();
    }, this.#retry);
    this.#retry = Math.min(this.#retry * 2, RETRY_LAST);
  }

  #disconnect() {
    clearTimeout(this.#retryTimer);
    clearInterval(this.#pollTimer);
    this.#pollTimer = null;
    this.#source?.close();
    this.#source = null;
  }

  #add(event) {
    if (this.#waiting.length >= MOST_WAITING) this.#waiting = [{ type: "refresh" }];
    this.#waiting.push(event);
    this.#frame ??= requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#frame = null;
    const batch = this.#waiting;
    this.#waiting = [];
    for (const listener of this.#listeners) listener(batch);
  }

  #setState(state) {
    if (state === this.state) return;
    this.state = state;
    for (const listener of this.#stateListeners) listener(state);
  }
}
