"use strict";
/* The three plots of the report: a histogram, estimates with intervals, and curves. */

/** Bars of one score distribution. panel: {bins, kind, ...}; raters are hatched. */
vp.histogram = (panel) => vp.chart(`${panel.source}: ${panel.n} scores`, (width) => {
  const height = 132, top = 18, bottom = 22, base = height - bottom;
  const bins = panel.bins, slot = width / Math.max(bins.length, 3);
  const most = Math.max(...bins.map((bin) => bin.count), 1);
  const y = vp.scale(0, most, base, top);
  const left = (width - slot * bins.length) / 2;
  const hatch = panel.kind === "raters" ? vp.hatch() : null;
  const few = bins.length <= 9;
  const bars = bins.map((bin, n) => {
    const x = left + n * slot, share = (100 * bin.count) / panel.n;
    return vp.svg("g", { class: panel.kind },
      vp.svg("title", null, `${vp.score(bin.low)}${bin.high > bin.low ? ` to ${vp.score(bin.high)}` : ""}`
        + `: ${vp.count(bin.count)} of ${vp.count(panel.n)}`),
      vp.svg("rect", { x: x + slot * 0.1, y: y(bin.count), width: slot * 0.8, rx: 1.5,
        height: Math.max(base - y(bin.count), bin.count ? 1 : 0), class: "bar",
        fill: hatch && hatch.fill }),
      few && vp.text(x + slot / 2, y(bin.count) - 5, `${share.toFixed(0)} %`,
        { class: "small", "text-anchor": "middle" }));
  });
  // every so many of many bins, and none so near the edge that its number would be cut
  const labelled = bins.filter((_, n) => few
    || (n % Math.ceil(bins.length / 6) === 0 && left + n * slot < width - 24));
  const labels = labelled.map((bin) => {
    const n = bins.indexOf(bin), level = bin.low === bin.high;
    return vp.text(left + (n + (level ? 0.5 : 0.1)) * slot, height - 6, vp.score(bin.low),
      { class: "small", "text-anchor": level ? "middle" : "start" });
  });
  return vp.canvas(width, height, hatch && hatch.defs, bars,
    vp.svg("line", { x1: 0, x2: width, y1: base, y2: base, class: "axis" }), labels);
});

const INTERVAL_ROW = 30;

/** Where a label stands over its position: turned inwards near either edge, so that it is not cut. */
const anchored = (x, width) => ({ "text-anchor": x < 40 ? "start" : x > width - 40 ? "end" : "middle" });

/** The range that holds all values, intervals and reference lines, with a little air. */
vp.range = (rows, lines) => {
  const values = rows.flatMap((r) => [r.value, r.low, r.high]).concat(lines.map((l) => l.value))
    .filter(vp.isNumber);
  const low = Math.min(...values), high = Math.max(...values), air = 0.05 * (high - low || 1);
  return [low - air, high + air];
};

/**
 * Estimates with their intervals, one row each: {label, value, low, high, shape?, hollow?}.
 * options: {domain?, bars?: true draws a bar from the domain's low end, lines: [{value, label}],
 * format and bound: how a value and the ends of its interval are written, tick: how a position is}.
 */
vp.estimates = (label, rows, options) => vp.chart(label, (width) => {
  const { lines = [], bars = false, format = vp.fixed, bound = format } = options;
  const narrow = width < 560, tick = options.tick || ((value, text) => text);
  const rowHeight = narrow ? INTERVAL_ROW + 18 : INTERVAL_ROW;
  const longest = Math.max(...rows.map((r) => r.label.length));
  const left = narrow ? 4 : Math.min(14 + longest * 7.2, width * 0.38);
  const right = narrow ? width - 4 : width - Math.min(250, width * 0.3);
  const top = lines.length ? 24 : 8, base = top + rows.length * rowHeight, height = base + 28;
  const [low, high] = options.domain || vp.range(rows, lines);
  const x = vp.scale(low, high, left + 8, right - 8);
  const hatch = vp.hatch();
  const at = rows.map((_, n) => top + n * rowHeight + (narrow ? rowHeight - 15 : rowHeight / 2));
  // where words stand above the marks, no line runs through them
  const through = (value, from, name) => vp.svg("path", { class: name,
    d: narrow ? at.map((y) => `M${x(value)} ${y - 9}v18`).join("") : `M${x(value)} ${from}V${base}` });
  const grid = vp.ticks(low, high, narrow ? 4 : 6).map((t) => vp.svg("g", null,
    through(t.value, top, "grid"),
    vp.text(x(t.value), base + 17, tick(t.value, t.label), { class: "small", ...anchored(x(t.value), width) })));
  const references = lines.map((line) => vp.svg("g", null,
    through(line.value, top - 6, "reference"),
    vp.text(x(line.value), top - 11, line.label, { class: "small", ...anchored(x(line.value), width) })));
  const marks = rows.map((row, n) => {
    const y = at[n];
    const value = vp.interval(row, format, bound);
    const texts = narrow
      ? [vp.text(4, y - 14, row.label), vp.text(width - 4, y - 14, value, { "text-anchor": "end", class: "value" })]
      : [vp.text(left - 6, y + 4, row.label, { "text-anchor": "end" }),
        vp.text(right + 10, y + 4, value, { class: "value" })];
    if (!vp.isNumber(row.value)) return texts;
    const whisker = vp.isNumber(row.low) && vp.isNumber(row.high);
    return [
      bars && vp.svg("rect", { x: x(low), y: y - 8, width: Math.max(x(row.value) - x(low), 1), height: 16,
        rx: 1.5, class: "bar pale", fill: row.hollow ? hatch.fill : null }),
      whisker && vp.svg("path", { class: "whisker", d:
        `M${x(row.low)} ${y}H${x(row.high)}M${x(row.low)} ${y - 5}v10M${x(row.high)} ${y - 5}v10` }),
      vp.marker(row.shape || "circle", x(row.value), y, row.hollow), texts];
  });
  return vp.canvas(width, height, hatch.defs, grid, references, marks);
});

/** Labels on the right end of curves, pushed apart where they would overlap. */
const spread = (ends, gap) => {
  const sorted = [...ends].sort((a, b) => a.y - b.y);
  sorted.forEach((end, n) => {
    if (n) end.y = Math.max(end.y, sorted[n - 1].y + gap);
  });
  return sorted;
};

/**
 * Curves: series [{label, points: [[x, y]], dashed?, shape, group, marked?: x of a ringed point}].
 * options: {x: name of the x axis, y: name of the y axis, lines}.
 */
vp.curves = (label, series, options) => vp.chart(label, (width) => {
  const narrow = width < 560;
  const height = 250, top = 26, base = height - 40, left = 46;
  const right = width - (narrow ? 12 : 18 + 7 * Math.max(...series.map((s) => s.label.length)));
  const points = series.flatMap((s) => s.points);
  const lines = options.lines || [];
  const [x0, x1] = [Math.min(...points.map((p) => p[0])), Math.max(...points.map((p) => p[0]))];
  const [y0, y1] = vp.range(points.map((p) => ({ value: p[1] })), lines);
  const x = vp.scale(x0, x1, left + 8, right - 8), y = vp.scale(y0, y1, base, top);
  const grid = vp.ticks(y0, y1, 5).map((tick) => vp.svg("g", null,
    vp.svg("line", { x1: left, x2: right, y1: y(tick.value), y2: y(tick.value), class: "grid" }),
    vp.text(left - 7, y(tick.value) + 4, tick.label, { class: "small", "text-anchor": "end" })));
  const below = vp.ticks(x0, x1, narrow ? 4 : 7).map((tick) =>
    vp.text(x(tick.value), base + 17, tick.label, { class: "small", "text-anchor": "middle" }));
  const references = lines.map((line) => vp.svg("g", null,
    vp.svg("line", { x1: left, x2: right, y1: y(line.value), y2: y(line.value), class: "reference" }),
    vp.text(left + 6, y(line.value) - 5, line.label, { class: "small" })));
  const drawn = series.map((s) => vp.svg("g", { class: `series ${s.group}` },
    vp.svg("path", { d: `M${s.points.map((p) => `${x(p[0])} ${y(p[1])}`).join("L")}`,
      class: s.dashed ? "curve dashed" : "curve" }),
    s.points.map((p) => vp.svg("g", null,
      vp.svg("title", null, `${s.label}, ${options.x} ${p[0]}: ${vp.fixed(p[1], 3)}`),
      p[0] === s.marked && vp.svg("circle", { cx: x(p[0]), cy: y(p[1]), r: 9, class: "ring" }),
      vp.marker(s.shape, x(p[0]), y(p[1]), s.dashed)))));
  const ends = series.map((s) => ({ s, y: y(s.points[s.points.length - 1][1]) }));
  const names = narrow ? [] : spread(ends, 16).map((end) =>
    vp.text(right + 6, end.y + 4, end.s.label, { class: `series-name ${end.s.group}` }));
  return vp.canvas(width, height, grid, below,
    vp.text((left + right) / 2, height - 6, options.x, { class: "small", "text-anchor": "middle" }),
    vp.text(2, 13, options.y, { class: "small" }), references, drawn, names);
});

/** A legend of series for narrow screens and for print. */
vp.legend = (series) => vp.el("ul", { class: "legend" }, series.map((s) => {
  const sample = vp.canvas(34, 14, vp.svg("g", { class: `series ${s.group}` },
    vp.svg("path", { d: "M1 7H33", class: s.dashed ? "curve dashed" : "curve" }),
    vp.marker(s.shape, 17, 7, s.dashed)));
  sample.setAttribute("aria-hidden", "true");
  return vp.el("li", null, sample, s.label);
}));
