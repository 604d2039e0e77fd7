"use strict";
/* How scores of the same clips moved. */
(() => {
  const { figure } = vp.compare;
  const signed = (value) => vp.signed(value, 2);
  const HEIGHT = 150;

  /** Counts of both runs in the same bins: old as bars, new hatched beside them. */
  const distribution = (one) => vp.chart(`Scores on ${one.dimension}, old and new`, (width) => {
    const top = 20, base = HEIGHT - 24, bins = one.bins, slot = (width - 26) / Math.max(bins.length, 3), left = 26 + (width - 26 - slot * bins.length) / 2;
    const y = vp.scale(0, Math.max(1, ...bins.flatMap((bin) => [bin.old, bin.new])), base, top), hatch = vp.hatch();
    const bar = (bin, x, side) => vp.svg("rect", { x, y: y(bin[side]), width: slot * 0.4, rx: 1.5, height: Math.max(base - y(bin[side]), bin[side] ? 1 : 0),
      class: side === "new" ? "bar outlined" : "bar", fill: side === "new" ? hatch.fill : null });
    const drawn = bins.map((bin, n) => vp.svg("g", null, vp.svg("title", null, `${vp.score(bin.low)}${bin.high > bin.low ? ` to ${vp.score(bin.high)}` : ""}:`
      + ` old ${vp.count(bin.old)}, new ${vp.count(bin.new)}`), bar(bin, left + (n + 0.08) * slot, "old"), bar(bin, left + (n + 0.52) * slot, "new")));
    const most = Math.max(1, ...bins.flatMap((bin) => [bin.old, bin.new]));
    const grid = vp.ticks(0, most, 2).filter(({ value }) => value > 0 && Number.isInteger(value)).map(({ value }) => vp.svg("g", null,
      vp.svg("line", { x1: 0, x2: width, y1: y(value), y2: y(value), class: "grid" }), vp.text(0, y(value) - 3, `${vp.count(value)}`, { class: "small" })));
    const every = Math.ceil(bins.length / 7);
    const labels = bins.map((bin, n) => (n % every || left + n * slot > width - 26 ? null : vp.text(left + (n + (bin.low === bin.high ? 0.5 : 0.08)) * slot, HEIGHT - 7, vp.score(bin.low),
      { class: "small", "text-anchor": bin.low === bin.high ? "middle" : "start" })));
    return vp.canvas(width, HEIGHT, hatch.defs, grid, drawn, vp.svg("line", { x1: 0, x2: width, y1: base, y2: base, class: "axis" }), labels);
  });

  const key = (name, hatched) => {
    const hatch = vp.hatch();
    const sample = vp.canvas(22, 12, hatch.defs, vp.svg("rect", { x: 1, y: 1, width: 20, height: 10, rx: 1.5, class: hatched ? "bar outlined" : "bar", fill: hatched ? hatch.fill : null }));
    sample.setAttribute("aria-hidden", "true");
    return vp.el("li", null, sample, name);
  };

  const shifts = (one) => vp.figure(`${vp.words(one.dimension)}: change of the mean score, clip by clip, in points; lines are 95 % intervals over prompts.`,
    vp.estimates(`Change of the mean score on ${one.dimension}`, one.generators.map((row) => ({ ...row.change, label: row.generator === null ? "all together" : row.generator,
      shape: row.generator === null ? "diamond" : "circle", hollow: row.change.low <= 0 && row.change.high >= 0 })),
    { format: signed, lines: [{ value: 0, label: "no change" }] }));

  const numbers = (one, by, caption) => vp.table(`${vp.words(one.dimension)}: ${caption}`, [
    { name: by === "generator" ? "generator" : "annotator", head: true, get: (r) => (r[by] === null ? "all together" : r[by]) },
    { name: "clips", number: true, get: (r) => vp.count(r.n) },
    { name: "old", number: true, get: (r) => figure(r.old, vp.fixed) }, { name: "new", number: true, get: (r) => figure(r.new, vp.fixed) },
    { name: "change", number: true, get: (r) => figure(r.change, signed) }], one[by === "generator" ? "generators" : "annotators"], { class: "pivot" });

  const scale = (found) => {
    const rules = ["old", "new"].map((side) => found[side].rules.consensus || {});
    if (rules.some((rule) => rule.scale === "standardised")) return "A consensus that is standardised has its mean at zero in each run, over that run's clips: a shift there tells of the clips in common, not of the judge.";
    if (JSON.stringify(rules[0]) !== JSON.stringify(rules[1])) return "The two consensus scores were made by other rules, so a shift may come from those.";
    const judges = ["old", "new"].map((side) => JSON.stringify(found[side].judges.map((one) => one.annotator)));
    return judges[0] === judges[1] && !found.rubrics.some((one) => one.differs) ? null
      : "Other judges, or another text of a rubric, gave these scores: where their scales are not one, a shift tells of the scales.";
  };

  vp.compare.scores = (found) => {
    const some = found.scores.filter((one) => one.bins.length);
    if (!some.length) return [vp.note("No clip was scored in both runs.")];
    return [scale(found) ? vp.el("p", { class: "notice" }, scale(found)) : null,
      vp.el("ul", { class: "legend" }, vp.compare.heads(found).map((name, n) => key(name, n))),
      vp.el("div", { class: "pair three" }, some.map((one) => vp.figure(`${vp.words(one.dimension)}: consensus scores of ${vp.count(one.generators[0].n)} clips that both scored.`, distribution(one)))),
      vp.el("div", { class: "pair three" }, some.map(shifts)),
      vp.el("details", { class: "on-screen" }, vp.el("summary", null, "All numbers, and each annotator that both runs have"),
        some.map((one) => [numbers(one, "generator", "mean consensus score of the same clips"), numbers(one, "annotator_id", "mean score of each annotator")]))];
  };
})();
