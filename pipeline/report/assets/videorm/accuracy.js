"use strict";
/* How often the model orders a pair as its target does, beside everybody else; and the paired differences. */
(() => {
  const { armName, armShape, dimensionWords, nWords } = vp.rm;

  /** Names in the order of their value on all dimensions, the highest first. */
  const ordered = (rows, field) => {
    const whole = rows.some((r) => r.dimension === "all") ? rows.filter((r) => r.dimension === "all") : rows;
    return vp.unique([...whole].sort((a, b) => (b.value ?? -1) - (a.value ?? -1)).map((r) => r[field]));
  };

  /** Reference lines; a label is left out where it would stand on the other's. */
  const references = (chance, ceiling, [low, high]) => {
    const lines = [{ value: chance, label: "chance" }];
    if (vp.isNumber(ceiling)) lines.push({ value: ceiling, label: "ceiling" });
    if (lines.length > 1 && Math.abs(ceiling - chance) < 0.3 * (high - low)) lines[0].label = "";
    return lines;
  };

  const accuracyPanel = (rows, order, main, domain) => {
    const { dimension } = rows[0];
    const shown = order.filter((arm) => arm !== "chance").map((arm) => rows.find((r) => r.arm === arm)).filter(Boolean);
    if (!shown.length) return null;
    const value = (arm) => (rows.find((r) => r.arm === arm) || {}).value;
    return vp.rm.panel(dimensionWords(dimension), `n = ${nWords(shown)}`,
      vp.rm.dots(`Accuracy against ${vp.rm.against(rows[0].against)}, ${dimensionWords(dimension)}`, shown.map((r) => ({
        ...r, label: armName(r.arm), shape: armShape(r.arm), hollow: r.arm !== main, main: r.arm === main })),
      { domain, format: vp.percent, bound: vp.rm.bound, tick: (v) => vp.percent(v, 0),
        lines: references(value("chance") ?? 0.5, value("human_ceiling"), domain) }));
  };

  /** What is drawn of one target: of the first open, of the others folded. */
  const ofTarget = (target, n, drawn) => {
    const title = `Against ${vp.rm.targetName(target)}`;
    return n ? vp.rm.folded(title, drawn) : [vp.el("h3", null, title), drawn];
  };

  /** A panel per dimension, on one scale. */
  vp.rm.accuracy = (metrics) => vp.rm.targets(metrics.accuracy || []).map((target, n) => {
    const rows = metrics.accuracy.filter(vp.rm.isOf(target));
    const main = vp.rm.main(metrics), order = ordered(rows, "arm"), domain = vp.range(rows, [{ value: 0.5 }]);
    const people = target[0] !== "annotator";
    return ofTarget(target, n, [vp.note(`Share of pairs without ties that are ordered alike${people ? ", each rater left out in turn and held against the mean of the others" : ""}${
        vp.rm.simulatedBy(target[0])}. Filled: ${armName(main)}; hollow: what it is held against, the highest first${people ? "; the ceiling is one rater" : ""}. Lines are`
        + " 95 % intervals from resampling prompts; all marks of a panel are of the same pairs."),
      vp.el("div", { class: "trio" }, vp.rm.dimensions(rows).map((name) =>
        accuracyPanel(rows.filter((r) => r.dimension === name), order, main, domain)))]);
  });

  const share = (value) => (vp.isNumber(value) ? 100 * value : value);
  const scaled = (r) => ({ ...r, value: share(r.value), low: share(r.low), high: share(r.high) });
  const isOpen = (r) => !(r.low > 0 || r.high < 0);

  const differencePanel = (rows, order, domain) => vp.rm.panel(dimensionWords(rows[0].dimension), `n = ${nWords(rows)}`,
    vp.rm.dots(`Paired differences against ${vp.rm.against(rows[0].against)}, ${dimensionWords(rows[0].dimension)}`,
      order.map((name) => rows.find((r) => r.minus === name)).filter(Boolean).map((r) => ({
        ...scaled(r), label: `− ${armName(r.minus)}`, shape: armShape(r.minus), hollow: isOpen(r) })),
      { domain, lines: [{ value: 0, label: "no difference" }], format: (v) => vp.signed(v, 1) }));

  vp.rm.differences = (metrics) => {
    const all = metrics.differences || [];
    return vp.rm.targets(all).map((target, n) => {
      const rows = all.filter(vp.rm.isOf(target)), domain = vp.range(rows.map(scaled), [{ value: 0 }]);
      return ofTarget(target, n, [vp.note(`${armName(rows[0].arm)} minus each other, in points of accuracy on the same pairs${vp.rm.simulatedBy(target[0])}: right of`
          + " zero it is the better one. Hollow: the interval holds zero, so no difference is shown. Many are compared; no interval"
          + " is corrected for that, nor for another seed of the training."),
        vp.el("div", { class: "trio" }, vp.rm.dimensions(rows).map((name) =>
          differencePanel(rows.filter((r) => r.dimension === name), ordered(rows, "minus"), domain)))]);
    });
  };
})();
