/** What an answer, or the lack of one, means in plain words. */

import { words } from "./format.js";

/** @typedef {import("./status.js").Tone} Tone */

const ANSWERS = {
  Accepted: "The charge point accepted the command.",
  AcceptedCanceled: "The charge point accepted; what it was doing before was cancelled.",
  Rejected: "The charge point refused. OCPP 1.6 gives no reason with a refusal.",
  Scheduled: "The charge point will do it once the running transaction has ended.",
  RebootRequired: "The charge point accepted; it takes effect after a reboot.",
  NotSupported: "The charge point does not support this.",
  NotImplemented: "The charge point does not implement this.",
  Unlocked: "The connector is unlocked.",
  UnlockFailed: "The connector could not be unlocked.",
  Failed: "The charge point tried and failed.",
  VersionMismatch: "The list version does not fit the charge point's; send the full list.",
  Unknown: "The charge point has nothing that matches.",
  NotFound: "The charge point has nothing that matches.",
  UnknownMessageId: "The charge point does not know this message id.",
  UnknownVendorId: "The charge point does not know this vendor id.",
  Faulted: "Not possible: the connector is faulted.",
  Occupied: "Not possible: the connector is occupied.",
  Unavailable: "Not possible: the connector is out of service.",
  InvalidCertificate: "The certificate is not valid.",
  RevokedCertificate: "The certificate was revoked.",
};

const PROBLEMS = {
  "call-error": "The charge point answered with an error",
  "invalid-answer": "The charge point's answer breaks its schema",
  "connection-lost": "The connection was lost before the answer came",
  "no-answer": "The charge point did not answer in time",
  "not-sent": "The command could not be sent in time",
  "not-connected": "The charge point is not connected",
  "not-allowed": "The command is not allowed now",
  "mailbox-full": "Too many commands wait for this charge point already",
  "ledger-unavailable": "The database cannot be written now, so nothing was sent",
  "invalid-request": "The command is not valid",
  "unknown-list": "The charge point's list is not known, so only a full one can be sent",
};

/** The meaning of the status in a charge point's answer. @param {string | undefined} status */
export function answer(status) {
  if (status === undefined) return "The charge point answered.";
  return ANSWERS[status] ?? `The charge point answered ${status}.`;
}

/** The headline of a problem. @param {import("./api.js").Problem} problem */
export function headline(problem) {
  return PROBLEMS[problem.slug] ?? (problem.title || "It did not work");
}

/** What a charge point may have had against a command, out of what is known of it. @param {any} chargePoint @param {number | undefined} connectorId */
export function circumstances(chargePoint, connectorId) {
  const about = chargePoint.connectors.filter(({ connectorId: id }) => connectorId === undefined || id === connectorId || id === 0);
  return about
    .filter(({ status, errorCode }) => status !== "Available" || (errorCode && errorCode !== "NoError"))
    .map(({ connectorId: id, status, errorCode, info }) => {
      const fault = errorCode && errorCode !== "NoError" ? `, error ${errorCode}` : "";
      return `${id === 0 ? "The charge point" : `Connector ${id}`} is ${words(status).toLowerCase()}${fault}${info ? ` (${info})` : ""}.`;
    });
}

/** How a call ended. @param {any} call */
export function outcome(call) {
  return {
    waiting: "It waits until it can be sent.",
    sent: "It was sent; the answer has not come yet.",
    answered: answer(call.response?.status),
    callError: `The charge point answered with the error ${call.errorCode}${call.errorDescription ? `: ${call.errorDescription}` : "."}`,
    invalid: `The charge point's answer breaks its schema${call.errorDescription ? `: ${call.errorDescription}` : "."}`,
    timeout: "The charge point did not answer in time.",
    lost: "The connection ended before there was an answer.",
    expired: "It was not sent before its time ran out.",
    unknown: "The server ended while it was under way: it may or may not have been carried out.",
  }[call.status] ?? call.status;
}
