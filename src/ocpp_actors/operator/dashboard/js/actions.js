/** The actions that the server can ask of a charge point, with their schemas. */

import { get } from "./api.js";

/** @typedef {{action: string, profile: string, schema: any, responseSchema: any}} Action */

/** @type {Promise<Action[]> | null} */
let loaded = null;

/** All of them; asked for once. */
export function actions() {
  loaded ??= get("actions").catch((error) => {
    loaded = null;
    throw error;
  });
  return loaded;
}

/** The schema of a ChargingProfile, as SetChargingProfile has it. */
export async function chargingProfileSchema() {
  const all = await actions();
  return all.find(({ action }) => action === "SetChargingProfile").schema.properties.csChargingProfiles;
}

/** What a message does, without the chapter that says so. @param {string} [description] */
export function purpose(description = "") {
  return description.split(". ").filter((sentence) => !/§/.test(sentence)).join(". ").replace(/\.?$/, ".")
    .replace(/``(\w+)``/g, (_, name) => name.replace(/_(\w)/g, (__, letter) => letter.toUpperCase()));
}
