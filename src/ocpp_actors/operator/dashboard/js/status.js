/** What a status means to the eye: a shape, a colour and always the word itself. */

import { h } from "./dom.js";
import { words } from "./format.js";
import { icon } from "./icons.js";

/** @typedef {"ok" | "active" | "wait" | "warn" | "fault" | "off"} Tone */

/** @type {Record<string, Tone>} */
const CONNECTOR = {
  Available: "ok", Preparing: "wait", Charging: "active", SuspendedEV: "warn", SuspendedEVSE: "warn",
  Finishing: "wait", Reserved: "wait", Unavailable: "off", Faulted: "fault",
};
/** @type {Record<string, Tone>} */
const REGISTRATION = { Accepted: "ok", Pending: "wait", Rejected: "fault" };
/** @type {Record<string, Tone>} */
const CALL = {
  waiting: "wait", sent: "active", answered: "ok", callError: "fault", invalid: "fault", timeout: "warn", lost: "warn",
  unknown: "warn", expired: "off",
};
/** @type {Record<string, Tone>} */
const ID_TAG = { Accepted: "ok", Blocked: "fault", Expired: "off", Invalid: "fault", ConcurrentTx: "warn" };
/** @type {Record<string, Tone>} */
const RESERVATION = {
  Requested: "wait", Accepted: "ok", Used: "active", Cancelled: "off", Expired: "off", Unknown: "warn",
};
/** What charge points answer. @type {Record<string, Tone>} */
const ANSWER = {
  Accepted: "ok", AcceptedCanceled: "ok", Unlocked: "ok", Scheduled: "wait", RebootRequired: "wait", Unknown: "warn",
  NotFound: "warn", NotSupported: "warn", NotImplemented: "warn",
};
/** @type {Record<string, Tone>} */
const PROGRESS = {
  Idle: "off", Uploaded: "ok", Installed: "ok", Downloaded: "wait", Downloading: "wait", Installing: "wait",
  Uploading: "wait", SignatureVerified: "wait", DownloadScheduled: "wait", DownloadPaused: "wait",
  InstallRebooting: "wait", InstallScheduled: "wait",
};

/** @param {Tone} tone @param {string} text */
export function badge(tone, text) {
  return h("span", { class: `badge tone-${tone}` }, icon(tone), text);
}

/** The tone of a connector's status. @param {string} status @returns {Tone} */
export function connectorTone(status) {
  return CONNECTOR[status] ?? "warn";
}

export const connectorBadge = (status) => badge(connectorTone(status), status);
export const onlineBadge = (online) => badge(online ? "ok" : "off", online ? "Online" : "Offline");
export const registrationBadge = (registration) =>
  registration === null ? badge("off", "Not registered") : badge(REGISTRATION[registration] ?? "warn", registration);
export const callBadge = (status) => badge(CALL[status] ?? "warn", words(status));
export const idTagBadge = (status) => badge(ID_TAG[status] ?? "warn", status);
export const reservationBadge = (status) => badge(RESERVATION[status] ?? "fault", status);
export const answerBadge = (status) => badge(ANSWER[status] ?? "fault", status);
export const progressBadge = (kind, status) => badge(PROGRESS[status] ?? "fault", `${words(kind)}: ${status}`);
