/** Numbers behind a plot: ticks, gaps, thinning. */

/** @typedef {import("./plot.js").Point} Point */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [15_000, 30_000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR,
  6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];
const GAP = 6;

/** Round values from at most `low` to at least `high`, about four steps. */
export function valueTicks(low, high) {
  const rough = Math.max(high - low, 1e-9) / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * magnitude).find((each) => each >= rough * 0.999);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** Round local times between two instants, at most `most` of them. */
export function timeTicks(first, last, most) {
  const step = STEPS.find((each) => (last - first) / each <= most) ?? 30 * DAY;
  const zone = new Date(first).getTimezoneOffset() * MINUTE;
  const style = step >= DAY ? { day: "2-digit", month: "short" }
    : { hour: "2-digit", minute: "2-digit", ...(step < MINUTE ? { second: "2-digit" } : {}) };
  const format = new Intl.DateTimeFormat(undefined, style);
  const ticks = [];
  for (let at = Math.ceil((first - zone) / step) * step + zone; at <= last; at += step) {
    ticks.push({ at, label: format.format(at) });
  }
  return ticks;
}

/** The parts of a line between gaps: where a reading is null, or many times the usual interval has passed. */
export function segments(points) {
  const steps = points.slice(1).map((point, index) => point.x - points[index].x).sort((a, b) => a - b);
  const longest = Math.max(GAP * (steps[Math.floor(steps.length / 2)] ?? 0), 2 * MINUTE);
  /** @type {Point[][]} */
  const parts = [];
  let part = [];
  for (const point of points) {
    const cut = point.y === null || (part.length > 0 && point.x - part.at(-1).x > longest);
    if (cut && part.length > 0) {
      parts.push(part);
      part = [];
    }
    if (point.y !== null) part.push(point);
  }
  return part.length > 0 ? [...parts, part] : parts;
}

/** First, least, greatest and last point of every pixel: the same picture from fewer points. */
export function thinned(points, x) {
  const columns = new Map();
  for (const point of points) {
    const column = Math.round(x(point.x));
    const old = columns.get(column);
    if (!old) columns.set(column, { first: point, least: point, greatest: point, last: point });
    else {
      if (point.y < old.least.y) old.least = point;
      if (point.y > old.greatest.y) old.greatest = point;
      old.last = point;
    }
  }
  return [...columns.values()].flatMap(({ first, least, greatest, last }) =>
    [...new Set([first, least, greatest, last])].sort((a, b) => a.x - b.x));
}
