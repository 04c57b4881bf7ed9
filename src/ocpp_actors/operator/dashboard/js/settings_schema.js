/** What an operator decides about a charge point. */

export const SETTINGS = {
  type: "object",
  required: ["settings"],
  properties: {
    registration: { type: "string", enum: ["Accepted", "Pending", "Rejected"],
      hint: "The answer to its next boot. Pending: it is configured but does not charge. Rejected: nothing is asked of it." },
    settings: {
      title: "How it is treated",
      type: "object",
      required: ["lenient", "pings", "abortOnShutdown", "securityProfile"],
      properties: {
        lenient: { type: "boolean", hint: "Accept and flag messages that break the schemas." },
        pings: { type: "boolean", hint: "Send WebSocket pings; some charge points drop the connection because of them." },
        abortOnShutdown: { type: "boolean", hint: "Drop the connection at shutdown; some never come back after a close." },
        securityProfile: { type: "integer", minimum: 0, maximum: 3,
          hint: "0 none, 1 key, 2 TLS and key, 3 TLS and certificate. The lowest that it may connect with, where it is above the server's own." },
      },
    },
  },
};
