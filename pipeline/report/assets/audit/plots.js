"use strict";
/* Two plots of the audit page: a value by bin, and the same things in several people's order. */
(() => {
  const short = (value) => String(Number(value.toPrecision(3))).replace("-", "−");
  const whisker = (x, from, to, across) => vp.svg("path", { class: "whisker", d: across
    ? `M${from} ${x}H${to}M${from} ${x - 4}v8M${to} ${x - 4}v8` : `M${x} ${from}V${to}M${x - 4} ${from}h8M${x - 4} ${to}h8` });

  /**
   * A value by bin, bins side by side: rows [{low, high, row}] where row is one of the audit's.
   * options: {line: {value, label}, axis: name of the x axis, tick, domain: range that is always shown}.
   */
  vp.binned = (label, bins, options) => vp.chart(label, (width) => {
    const height = 232, top = 26, base = height - 62, left = 42, right = width - 6;
    const rows = bins.map((bin) => bin.row), format = vp.formatOf(rows[0].statistic);
    const known = [...(options.line ? [options.line] : []), ...(options.domain || []).map((value) => ({ value }))];
    const [low, high] = vp.range(rows, known), y = vp.scale(low, high, base, top);
    const slot = (right - left) / bins.length, middle = (n) => left + (n + 0.5) * slot;
    const levels = bins.every((bin) => bin.low === bin.high);
    const grid = vp.ticks(low, high, 4).map((t) => vp.svg("g", null,
      vp.svg("line", { x1: left, x2: right, y1: y(t.value), y2: y(t.value), class: "grid" }),
      vp.text(left - 6, y(t.value) + 4, options.tick ? options.tick(t.value) : t.label, { class: "small", "text-anchor": "end" })));
    const edges = levels ? bins.map((bin, n) => [middle(n), short(bin.low)])
      : [...bins.map((bin, n) => [left + n * slot, short(bin.low)]), [right, short(bins.at(-1).high)]];
    // every other edge where they would touch
    const wide = Math.max(...edges.map(([, text]) => text.length)) * 7 > slot;
    const below = edges.filter((_, n) => !wide || n % 2 === 0 || n === edges.length - 1).map(([x, text]) =>
      vp.text(x, base + 16, text, { class: "small", "text-anchor": x > width - 20 ? "end" : "middle" }));
    const reference = options.line && vp.svg("g", null,
      vp.svg("line", { x1: left, x2: right, y1: y(options.line.value), y2: y(options.line.value), class: "reference" }),
      vp.text(right, y(options.line.value) - 5, options.line.label, { class: "small", "text-anchor": "end" }));
    const defined = bins.map((bin, n) => [middle(n), bin.row.value]).filter(([, value]) => vp.isNumber(value));
    const curve = defined.length > 1 && vp.svg("path", { class: "curve thin", d: `M${defined.map(([x, value]) => `${x} ${y(value)}`).join("L")}` });
    const marks = bins.map(({ row, low: from, high: to }, n) => vp.svg("g", null,
      vp.svg("title", null, `${options.axis} ${short(from)}${to > from ? ` to ${short(to)}` : ""}: ${vp.auditWords(row)}`),
      vp.text(middle(n), base + 32, vp.count(row.n_items), { class: "small", "text-anchor": "middle" }),
      vp.isNumber(row.value) ? [
        vp.isNumber(row.low) && vp.isNumber(row.high) && whisker(middle(n), y(row.low), y(row.high)),
        vp.marker("circle", middle(n), y(row.value)),
        vp.text(middle(n), y(vp.isNumber(row.high) ? row.high : row.value) - 7, format.value(row.value), { class: "small strong", "text-anchor": "middle" })]
        : vp.text(middle(n), (base + top) / 2, "undefined", { class: "small", "text-anchor": "middle" })));
    return vp.canvas(width, height, grid, vp.svg("line", { x1: left, x2: right, y1: base, y2: base, class: "axis" }), below,
      vp.text(left - 6, base + 32, "n", { class: "small", "text-anchor": "end" }),
      vp.text((left + right) / 2, height - 8, options.axis, { class: "small", "text-anchor": "middle" }), reference, curve, marks);
  });

  const SERIES = [["circle", "group-0"], ["square", "group-1"], ["triangle", "group-0"]];

  /** How the n-th of several is marked; the raters with an open diamond. */
  vp.seriesOf = (names) => {
    let n = -1;
    return names.map((name) => {
      if (vp.isReference(name)) return { label: vp.annotatorName(name), shape: "diamond", group: "group-0", dashed: true };
      n += 1;
      return { label: name, shape: SERIES[n % 3][0], group: SERIES[n % 3][1], dashed: n > 2 };
    });
  };

  /** As much of a label as there is room for. */
  const cut = (text, width) => (text.length * 7.2 > width ? `${text.slice(0, Math.max(1, Math.floor(width / 7.2) - 1))}…` : text);

  /**
   * Things in rows, each with one mark per series: groups [{label, rows: [row or undefined]}], the rows in
   * the order of ``series`` (of vp.seriesOf). options: {line: {value, label}}.
   */
  vp.sideBySide = (label, groups, series, options) => vp.chart(label, (width) => {
    const narrow = width < 560, step = 19, above = narrow ? 20 : 0;
    const rowHeight = series.length * step + 14 + above;
    const longest = Math.max(...groups.map((group) => group.label.length));
    const left = narrow ? 4 : Math.min(14 + longest * 7.2, width * 0.34), right = width - (narrow ? 150 : 168);
    const top = 24, base = top + groups.length * rowHeight, height = base + 26;
    const [low, high] = vp.range(groups.flatMap((group) => group.rows.filter(Boolean)), [options.line]);
    const x = vp.scale(low, high, left + 8, right - 8);
    const grid = vp.ticks(low, high, narrow ? 4 : 6).map((t) => vp.svg("g", null,
      vp.svg("line", { x1: x(t.value), x2: x(t.value), y1: top, y2: base, class: "grid" }),
      vp.text(x(t.value), base + 17, t.label, { class: "small", "text-anchor": x(t.value) < 30 ? "start" : "middle" })));
    const reference = vp.svg("g", null,
      vp.svg("line", { x1: x(options.line.value), x2: x(options.line.value), y1: top - 4, y2: base, class: "reference" }),
      vp.text(x(options.line.value), top - 9, options.line.label, { class: "small", "text-anchor": "middle" }));
    const drawn = groups.map((group, n) => {
      const start = top + n * rowHeight + 7 + above;
      return [n ? vp.svg("line", { x1: 0, x2: width, y1: top + n * rowHeight, y2: top + n * rowHeight, class: "grid" }) : null,
        narrow ? vp.text(4, start - 6, cut(group.label, width - 8))
          : vp.text(left - 6, start + (series.length * step) / 2 + 4, cut(group.label, left - 10), { "text-anchor": "end" }),
        group.rows.map((row, s) => {
          const at = start + (s + 0.5) * step;
          if (!row) return null;
          const format = vp.formatOf(row.statistic), known = vp.isNumber(row.value);
          return vp.svg("g", { class: `series ${series[s].group}` }, vp.svg("title", null, `${group.label}, ${series[s].label}: ${vp.auditWords(row)}`),
            known && vp.isNumber(row.low) && vp.isNumber(row.high) && whisker(at, x(row.low), x(row.high), true),
            known && vp.marker(series[s].shape, x(row.value), at, series[s].dashed),
            vp.text(right + 8, at + 4, known ? `${format.value(row.value)} ${vp.intervalOf(row)}` : "undefined", { class: "small strong" }));
        })];
    });
    return vp.canvas(width, height, grid, reference, drawn);
  });
})();
