// Lines over the last hour, as SVG.

import { clock, make } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const HOUR = 3600;
const LEAST = 600;
const ROOM = { left: 46, right: 8, top: 8, bottom: 22 };

function draw(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Steps of 1, 2, 2.5 or 5 times a power of the base, about four of them up to the top.
function niceTop(most, base) {
  const power = base ** Math.floor(Math.log(most / 4) / Math.log(base));
  const step = [1, 2, 2.5, 5, 10, 20, 50, 100, 200, 250, 500, 1000].find((step) => step * power * 4 >= most) * power;
  return [0, 1, 2, 3, 4].map((number) => number * step);
}

// How many seconds a chart shows: an hour, or what there is of it.
function spanOf({ times, now }) {
  return Math.min(HOUR, Math.max(LEAST, now - (times[0] ?? now) + 10));
}

const stepOf = (span) => (span > 2400 ? 900 : span > 1000 ? 300 : 120);

// From values to heights between 0 and 1, and where lines of the grid are.
function linear(most, base) {
  const ticks = niceTop(most > 0 ? most : 1, base);
  return { ticks, height: (value) => value / ticks[4] };
}

function logarithmic(least, most) {
  const from = Math.floor(Math.log10(Math.max(least, 0.1)));
  const to = Math.max(Math.ceil(Math.log10(Math.max(most, 1))), from + 2);
  const ticks = Array.from({ length: to - from + 1 }, (_, number) => 10 ** (from + number));
  return { ticks, height: (value) => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from) };
}

function scaleOf({ kind, series, limit }) {
  const values = series.flatMap((one) => one.values).filter((value) => value !== null);
  const most = Math.max(...values, limit ?? 0);
  if (kind === "percent") return { ticks: [0, 25, 50, 75, 100], height: (value) => value / 100 };
  if (kind === "log") return logarithmic(Math.min(...values), most);
  return linear(most, kind === "bytes" ? 1024 : 10);
}

// Runs of neighbours that have values, as [[x, y], …].
function runs(points) {
  const found = [[]];
  for (const point of points) {
    if (point === null) found.push([]);
    else found[found.length - 1].push(point);
  }
  return found.filter((run) => run.length > 0);
}

// A run of one point is drawn too: as a short line.
function path(run) {
  const text = run.map(([x, y], number) => `${number ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return run.length === 1 ? `${text}h0.1` : text;
}

// A chart in the figure. `show` sets what it shows: {times, now, kind, format, axis, empty, series},
// where a series is {name, colour, values, isArea, isLimit}, and a value may be null.
export function chart(figure) {
  const plot = figure.querySelector(".plot");
  const legend = figure.querySelector(".legend");
  const tip = make("div", "tip");
  let shown = null;
  let at = null;

  function legendOf({ series, format }) {
    legend.replaceChildren(...series.map((one) => {
      const swatch = make("i");
      swatch.style.background = `var(--c${one.colour})`;
      const last = one.values.findLast((value) => value !== null);
      return make("span", "", swatch, one.name, last === undefined ? null : make("b", "", format(last)));
    }));
  }

  function redraw() {
    if (!shown) return;
    const { times, now, series, format, axis } = shown;
    const hasValues = series.some((one) => one.values.some((value) => value !== null));
    if (!hasValues) {
      plot.replaceChildren(make("div", "nothing", shown.empty));
      return;
    }
    const width = plot.clientWidth;
    const height = plot.clientHeight;
    const inner = { width: width - ROOM.left - ROOM.right, height: height - ROOM.top - ROOM.bottom };
    const scale = scaleOf(shown);
    const span = spanOf(shown);
    const step = stepOf(span);
    const x = (time) => ROOM.left + inner.width * (1 - (now - time) / span);
    const y = (value) => ROOM.top + inner.height * (1 - scale.height(value));
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": summary() });
    for (const tick of scale.ticks) {
      const level = Math.round(y(tick)) + 0.5;
      svg.append(draw("line", { class: "grid", x1: ROOM.left, x2: width - ROOM.right, y1: level, y2: level }));
      svg.append(draw("text", { x: ROOM.left - 8, y: level + 3.5, "text-anchor": "end" }, axis(tick)));
    }
    for (let time = Math.ceil((now - span) / step) * step; time <= now; time += step) {
      if (x(time) > width - 20 || x(time) < ROOM.left + 12) continue;
      svg.append(draw("text", { x: x(time), y: height - 5, "text-anchor": "middle" }, clock(time)));
    }
    for (const one of series) {
      const colour = `var(--c${one.colour})`;
      const points = times.map((time, number) => (one.values[number] === null ? null : [x(time), y(one.values[number])]));
      for (const run of runs(points)) {
        if (one.isArea) {
          const base = y(0);
          const area = draw("path", { class: "area", d: `${path(run)}L${run[run.length - 1][0]} ${base}L${run[0][0]} ${base}Z` });
          area.style.fill = colour;
          svg.append(area);
        }
        const line = draw("path", { class: one.isLimit ? "line limit" : "line", d: path(run) });
        line.style.stroke = colour;
        svg.append(line);
      }
    }
    if (at !== null && at < times.length) pointAt(svg, x, y, inner, width);
    tip.hidden = at === null || at >= times.length;
    plot.replaceChildren(svg, tip);
    if (!tip.hidden) placeTip(x(times[at]), width);
  }

  function summary() {
    const last = (one) => one.values.findLast((value) => value !== null);
    const told = shown.series.filter((one) => last(one) !== undefined);
    return `${figure.querySelector("h2").textContent}: ${told.map((one) => `${one.name} ${shown.format(last(one))}`).join(", ")}`;
  }

  function pointAt(svg, x, y, inner) {
    const time = shown.times[at];
    const across = Math.round(x(time)) + 0.5;
    svg.append(draw("line", { class: "cursor", x1: across, x2: across, y1: ROOM.top, y2: ROOM.top + inner.height }));
    const lines = [make("div", "when", clock(time, true))];
    for (const one of shown.series) {
      const value = one.values[at];
      if (value === null) continue;
      lines.push(make("div", "", one.name, make("b", "", shown.format(value))));
      const dot = draw("circle", { class: "dot", cx: x(time), cy: y(value), r: 4 });
      dot.style.fill = `var(--c${one.colour})`;
      svg.append(dot);
    }
    tip.replaceChildren(...lines);
  }

  function placeTip(across, width) {
    const isLeft = across > width / 2;
    tip.style.top = "6px";
    tip.style.left = isLeft ? "" : `${across + 12}px`;
    tip.style.right = isLeft ? `${width - across + 12}px` : "";
  }

  function point(event) {
    if (!shown || shown.times.length === 0) return;
    const box = plot.getBoundingClientRect();
    const share = (event.clientX - box.left - ROOM.left) / (box.width - ROOM.left - ROOM.right);
    const time = shown.now - spanOf(shown) * (1 - share);
    let nearest = 0;
    shown.times.forEach((one, number) => {
      if (Math.abs(one - time) < Math.abs(shown.times[nearest] - time)) nearest = number;
    });
    at = nearest;
    redraw();
  }

  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", () => { at = null; redraw(); });
  new ResizeObserver(redraw).observe(plot);
  return {
    show(what) {
      shown = what;
      legendOf(what);
      redraw();
    },
  };
}
