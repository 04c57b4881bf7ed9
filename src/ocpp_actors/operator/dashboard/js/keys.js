/** Random names, also where the page did not come over a secure connection. */

/** A key that no other request has. */
export function idempotencyKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
