"use strict";
/* Estimates with their intervals in rows of two lines: words above, the mark below. So no line of the plot
   runs through a word, and the plot is the same on a telephone. */
(() => {
  const ROW = 39, LINE = 17, HEAD = 18, FOOT = 26; // px of a row, of a further line in it, of the names of lines, of the axis
  const LEFT = 2, INSET = 10;

  /** Where a label stands: turned inwards near an edge. */
  const anchored = (x, width) => ({ "text-anchor": x < 44 ? "start" : x > width - 44 ? "end" : "middle" });

  const whisker = (row, x, y) => (vp.isNumber(row.low) && vp.isNumber(row.high) ? vp.svg("path", { class: "whisker", d:
    `M${x(row.low)} ${y}H${x(row.high)}M${x(row.low)} ${y - 5}v10M${x(row.high)} ${y - 5}v10` }) : null);

  /** A part of the axis behind a mark, cut at the ends of the axis; a single point has a width, too. */
  const band = (part, x, y, [low, high], name) => {
    if (!part) return null;
    const [from, to] = part.map((v) => x(Math.min(Math.max(v, low), high)));
    return vp.svg("rect", { x: Math.min(from, (from + to) / 2 - 1.5), y: y - 9, height: 18, width: Math.max(to - from, 3), class: name });
  };

  const pen = document.createElement("canvas").getContext("2d");
  const wide = (text, weight) => {
    pen.font = `${weight} 13px ${getComputedStyle(document.body).fontFamily}`;
    return pen.measureText(text).width;
  };

  /** Whether what stands on the left and on the right of a row has room in one line. */
  const fits = (row, value, width) => wide(`${row.label}  ${row.more || ""}`, row.main ? 550 : 400)
    + wide(`${row.verdict ? `${row.verdict[0]}  ` : ""}${value}`, 550) + 2 * LEFT + 8 < width;

  /** What the row is about on the left; on the right, or in a line of its own, the verdict and the number. */
  const said = (row, value, y, width, oneLine) => [
    vp.text(LEFT, oneLine ? y : y - LINE, [vp.svg("tspan", { class: row.main ? "value" : null }, row.label),
      row.more ? vp.svg("tspan", { class: "small" }, `  ${row.more}`) : null]),
    vp.text(width - LEFT, y, [row.verdict ? vp.svg("tspan", { class: `verdict ${row.verdict[1]}` }, `${row.verdict[0]}  `) : null,
      vp.svg("tspan", { class: "value" }, value)], { "text-anchor": "end" })];

  /**
   * rows: {label, value, low, high, shape, hollow, main?: whether it is the one that the plot is about, more?: small
   * words after the label, verdict?: [words, class], wanted?: where the interval should lie, allowed?: where it may}.
   * options: {domain, lines: [{value, label}], format, bound: how numbers are written, tick: how a position is}.
   */
  vp.rm.dots = (label, rows, { domain, lines = [], format = vp.fixed, bound = format, tick = (value, text) => text.replace("-", "−") }) =>
    vp.chart(label, (width) => {
      const values = rows.map((row) => vp.interval(row, format, bound)), oneLine = rows.every((row, n) => fits(row, values[n], width));
      const height = oneLine ? ROW : ROW + LINE;
      const top = lines.some((line) => line.label) ? HEAD : 2, base = top + rows.length * height;
      const x = vp.scale(domain[0], domain[1], INSET, width - INSET);
      const at = rows.map((_, n) => top + (n + 1) * height - 12);
      const through = (value, name) => vp.svg("path", { class: name, d: at.map((y) => `M${x(value)} ${y - 10}v20`).join("") });
      const ticks = vp.ticks(domain[0], domain[1], width < 480 ? 4 : 8);
      return vp.canvas(width, base + FOOT,
        rows.map((row, n) => [band(row.wanted, x, at[n], domain, "wanted"), band(row.allowed, x, at[n], domain, "wanted pale")]),
        ticks.map((t) => [through(t.value, "grid"),
          vp.text(x(t.value), base + 17, tick(t.value, t.label), { class: "small", ...anchored(x(t.value), width) })]),
        lines.map((line) => [through(line.value, "reference"), line.label
          ? vp.text(x(line.value), 11, line.label, { class: "small", ...anchored(x(line.value), width) }) : null]),
        rows.map((row, n) => vp.svg("g", null, whisker(row, x, at[n]),
          vp.isNumber(row.value) ? vp.marker(row.shape || "circle", x(row.value), at[n], row.hollow) : null,
          said(row, values[n], at[n] - 14, width, oneLine))));
    });
})();
