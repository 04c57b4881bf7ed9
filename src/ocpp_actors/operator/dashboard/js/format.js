/** Times, amounts and names as a person reads them. */

import { h } from "./dom.js";

const NONE = "–";
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, {
  day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit",
});
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Where a fact is not known. */
export const none = () => h("span", { class: "muted" }, h("span", { "aria-hidden": "true" }, NONE),
  h("span", { class: "visually-hidden" }, "none"));

/** A fact, or a dash. @param {unknown} value */
export function known(value) {
  return value === null || value === undefined || value === "" ? none() : String(value);
}

/**
 * A time in the local zone, its UTC in the title.
 *
 * @param {string | null | undefined} iso
 */
export function time(iso) {
  const date = new Date(iso ?? NaN);
  if (Number.isNaN(date.getTime())) return known(iso);
  return h("time", { datetime: iso, title: date.toISOString() }, shortTime(date));
}

/** The day only where it is another one, the year only where it is another one. @param {Date} date */
export function shortTime(date, now = new Date()) {
  if (date.toDateString() === now.toDateString()) return TIME.format(date);
  return date.getFullYear() === now.getFullYear() ? DAY_AND_TIME.format(date) : FULL.format(date);
}

/** @param {number} value @param {number} digits most digits after the point */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }).format(value);
}

/** @param {number | null | undefined} watts */
export function power(watts) {
  return watts === null || watts === undefined ? none() : powerText(watts);
}

/** @param {number} watts */
export function powerText(watts) {
  return Math.abs(watts) < 1000 ? `${number(watts)} W` : `${fixed(watts / 1000, watts < 1e5 ? 1 : 0)} kW`;
}

/** @param {number | null | undefined} wattHours */
export function energy(wattHours) {
  return wattHours === null || wattHours === undefined ? none() : energyText(wattHours);
}

/** @param {number} wattHours */
export function energyText(wattHours) {
  return `${fixed(wattHours / 1000, Math.abs(wattHours) < 10_000 ? 2 : 1)} kWh`;
}

function fixed(value, digits) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(undefined, options).format(value);
}

/** How long something took or has taken. @param {string} from @param {string | null} [to] null: until now */
export function span(from, to = null) {
  const minutes = Math.max(0, Math.round(((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.round(minutes / 1440)} days`;
}

/** How long an answer took. @param {number} seconds */
export function took(seconds) {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${fixed(seconds, 1)} s`;
}

/** A number of things. @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** A wire name as words: `chargingProfileId` becomes `Charging profile id`. @param {string} name */
export function words(name) {
  const split = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2");
  const lower = split.split(" ").map((word) => (/^[A-Z]{2,}/.test(word) ? word : word.toLowerCase())).join(" ");
  return lower.charAt(0).toUpperCase() + lower.slice(1);
}
