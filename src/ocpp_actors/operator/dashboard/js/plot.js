/** A line plot: axes, gaps, a readout by pointer and by keyboard. */

import { fill, h, s } from "./dom.js";
import { number, shortTime } from "./format.js";
import { segments, thinned, timeTicks, valueTicks } from "./scale.js";

const HEIGHT = 220;
const MARGIN = { top: 14, right: 14, bottom: 24, left: 46 };

/** @typedef {{x: number, y: number | null}} Point x: milliseconds since 1970; y null: a gap */

/**
 * @param {object} options
 * @param {string} options.title
 * @param {"power" | "energy"} options.kind its colour
 * @param {string} options.unit of the axis
 * @param {number} options.factor values of the axis are values of the points times this
 * @param {(value: number) => string} options.text of one reading
 * @returns {{element: HTMLElement, update: (points: Point[]) => void}}
 */
export function linePlot({ title, kind, unit, factor, text }) {
  /** @type {Point[]} */
  let points = [];
  let width = 0;
  let chosen = -1;
  const svg = s("svg", { "aria-hidden": "true" });
  const readout = h("span", { class: "muted" });
  const area = h("div", { class: "plot-area", tabindex: 0, role: "slider", "aria-label": `${title}: readings in time` }, svg);
  const element = h("figure", { class: `plot plot-${kind}` },
    h("figcaption", {}, h("span", {}, h("span", { class: "plot-title" }, title), h("span", { class: "muted" }, ` in ${unit}`)), readout), area);

  const describe = (point) => `${shortTime(new Date(point.x))}: ${point.y === null ? "none" : text(point.y)}`;

  const tick = (value) => number(value * factor, 3);

  function draw() {
    const known = points.filter((point) => point.y !== null);
    readout.textContent = known.length ? `last ${text(known.at(-1).y)}` : "no readings yet";
    const index = chosen < 0 ? points.length - 1 : chosen;
    area.setAttribute("aria-valuemin", "0");
    area.setAttribute("aria-valuemax", String(Math.max(0, points.length - 1)));
    area.setAttribute("aria-valuenow", String(Math.max(0, index)));
    area.setAttribute("aria-valuetext", points[index] ? describe(points[index]) : "no readings yet");
    if (width === 0) return;
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    fill(svg, known.length ? picture(scales(points, width), points, chosen, tick, describe) : axis(width));
  }

  function choose(index) {
    chosen = Math.max(0, Math.min(points.length - 1, index));
    draw();
  }

  area.addEventListener("keydown", (event) => {
    const from = chosen < 0 ? points.length - 1 : chosen;
    const leap = Math.max(1, Math.round(points.length / 10));
    const to = {
      ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, PageDown: from - leap,
      PageUp: from + leap, Home: 0, End: points.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(to);
  });
  area.addEventListener("pointermove", (event) => {
    if (points.length === 0) return;
    const box = area.getBoundingClientRect();
    choose(nearest(points, scales(points, width).time(event.clientX - box.left)));
  });
  const leave = () => {
    chosen = -1;
    draw();
  };
  area.addEventListener("pointerleave", leave);
  area.addEventListener("blur", leave);
  new ResizeObserver(([entry]) => {
    width = Math.round(entry.contentRect.width);
    draw();
  }).observe(area);

  return {
    element,
    update(fresh) {
      points = fresh;
      if (chosen >= points.length) chosen = -1;
      draw();
    },
  };
}

function scales(points, width) {
  const first = points[0].x;
  const last = Math.max(points.at(-1).x, first + 60_000);
  const values = points.map((point) => point.y).filter((value) => value !== null);
  const ticks = valueTicks(Math.min(0, ...bounds(values)), Math.max(...bounds(values)));
  const low = ticks[0];
  const high = ticks.at(-1);
  const inner = width - MARGIN.left - MARGIN.right;
  const tall = HEIGHT - MARGIN.top - MARGIN.bottom;
  return {
    width, ticks, first, last,
    x: (value) => MARGIN.left + ((value - first) / (last - first)) * inner,
    y: (value) => MARGIN.top + (1 - (value - low) / (high - low)) * tall,
    time: (pixel) => first + ((pixel - MARGIN.left) / inner) * (last - first),
  };
}

function bounds(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 1]);
}

function picture(scale, points, chosen, tickText, describe) {
  const base = scale.y(Math.max(0, scale.ticks[0])).toFixed(1);
  const place = (point) => `${scale.x(point.x).toFixed(1)},${scale.y(point.y).toFixed(1)}`;
  const lines = segments(points).map((part) => thinned(part, scale.x));
  return [
    scale.ticks.map((tick) => [
      s("line", { class: "grid", x1: MARGIN.left, x2: scale.width - MARGIN.right, y1: scale.y(tick), y2: scale.y(tick) }),
      s("text", { x: MARGIN.left - 8, y: scale.y(tick) + 4, "text-anchor": "end" }, tickText(tick)),
    ]),
    axis(scale.width),
    timeTicks(scale.first, scale.last, Math.max(2, Math.floor(scale.width / 70))).map(({ at, label }) =>
      s("text", { x: scale.x(at), y: HEIGHT - 7, "text-anchor": "middle" }, label)),
    lines.filter((part) => part.length > 1).map((part) => [
      s("path", { class: "area", d: `M${scale.x(part[0].x).toFixed(1)},${base}L${part.map(place).join("L")}L${scale.x(part.at(-1).x).toFixed(1)},${base}Z` }),
      s("path", { class: "line", d: `M${part.map(place).join("L")}` }),
    ]),
    lines.filter((part) => part.length === 1).map(([point]) =>
      s("circle", { class: "dot", r: 3, cx: scale.x(point.x), cy: scale.y(point.y) })),
    chosen >= 0 && points[chosen] && tip(scale, points[chosen], describe(points[chosen])),
  ];
}

function axis(width) {
  const y = HEIGHT - MARGIN.bottom;
  return s("line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y });
}

function tip(scale, point, text) {
  const x = scale.x(point.x);
  const wide = text.length * 6.8 + 14;
  const left = Math.max(2, Math.min(scale.width - wide - 2, x - wide / 2));
  return s("g", {},
    s("line", { class: "cursor", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }),
    point.y !== null && s("circle", { class: "dot", r: 4.5, cx: x, cy: scale.y(point.y) }),
    s("rect", { class: "tip-box", x: left, y: 0, width: wide, height: 20, rx: 4 }),
    s("text", { class: "tip", x: left + wide / 2, y: 14, "text-anchor": "middle" }, text));
}

function nearest(points, at) {
  return points.reduce((best, point, index) => (Math.abs(point.x - at) < Math.abs(points[best].x - at) ? index : best), 0);
}
