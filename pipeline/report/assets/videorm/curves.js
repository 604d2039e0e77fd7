"use strict";
/* Curves: training by epoch, and the quality of the clip that is picked out of n. */
(() => {
  const { armName, armShape, panel, dimensionWords } = vp.rm;

  /* ---- training ---- */
  const series = (metrics, arms, field, words, dashed) => arms.map((arm, n) => ({
    label: `${armName(arm)}${words ? `, ${words}` : ""}`, shape: armShape(arm), group: `group-${n && 1}`, dashed,
    marked: dashed ? null : ((metrics.arms || {})[arm] || {}).selected_epoch,
    points: metrics.curve.filter((p) => p.arm === arm && vp.isNumber(p[field])).map((p) => [p.epoch, p[field]]),
  })).filter((s) => s.points.length);

  const RING = "The ring marks the epoch that was kept.";

  const loss = (metrics, arms, title) => {
    const lines = [...series(metrics, arms, "validation_loss", "validation", false), ...series(metrics, arms, "train_loss", "training", true)];
    return lines.length ? panel(title, `Mean loss of a pair by epoch: solid and filled on the validation prompts, dashed and hollow in training. ${RING}`,
      vp.curves(title, lines, { x: "epoch", y: "loss" }), vp.legend(lines)) : null;
  };

  vp.rm.training = (metrics) => {
    if (!(metrics.curve || []).length) return null;
    const main = vp.rm.main(metrics), arms = vp.unique([main, ...metrics.curve.map((p) => p.arm)]);
    const shown = arms.includes("per_frame") ? [main, "per_frame"] : arms.slice(0, 2);
    const others = arms.filter((arm) => !shown.includes(arm));
    const lines = series(metrics, arms, "validation_accuracy", "", false);
    return [vp.el("div", { class: "pair" }, loss(metrics, vp.unique(shown), "Training and validation loss"),
      lines.length ? panel("Validation accuracy", `Share of the validation pairs that are ordered as labelled, by epoch. ${RING}`,
        vp.curves("Validation accuracy", lines, { x: "epoch", y: "accuracy", lines: [{ value: 0.5, label: "chance" }] }), vp.legend(lines)) : null),
    vp.rm.folded(`Loss of the other models (${others.length})`,
      others.length ? vp.el("div", { class: "pair" }, others.map((arm) => loss(metrics, [arm], `Loss: ${armName(arm)}`))) : null)];
  };

  /* ---- best of n ---- */
  const CROWD = ["shift", "transformer", "per_frame_shifted", "trunk_first_frame", "trunk_frame_mean_shifted", "clip_score_first_frame"];
  const APART = 5; // px between the marks of one n, so that intervals do not stand on each other

  /** Curves over n on a scale of doublings; each point with its interval. */
  const picked = (label, lines, ns) => vp.chart(label, (width) => {
    const height = 250, top = 24, base = height - 40, left = 44, right = width - 12;
    const rows = lines.flatMap((line) => line.rows);
    const [low, high] = vp.range(rows, []);
    const half = (lines.length - 1) / 2, air = 10 + half * APART;
    const x = vp.scale(0, Math.max(ns.length - 1, 1), left + air, right - air), y = vp.scale(low, high, base, top);
    const grid = vp.ticks(low, high, 5).map((tick) => vp.svg("g", null,
      vp.svg("line", { x1: left, x2: right, y1: y(tick.value), y2: y(tick.value), class: "grid" }),
      vp.text(left - 7, y(tick.value) + 4, tick.label, { class: "small", "text-anchor": "end" })));
    const below = ns.map((n, k) => vp.text(x(k), base + 17, n, { class: "small", "text-anchor": "middle" }));
    const drawn = lines.map((line, k) => {
      const at = (row) => x(ns.indexOf(row.n)) + (k - half) * APART;
      return vp.svg("g", { class: `series ${line.group}` },
        vp.svg("path", { d: `M${line.rows.map((r) => `${at(r)} ${y(r.value)}`).join("L")}`, class: line.dashed ? "curve dashed" : "curve" }),
        line.rows.map((r) => vp.svg("g", null,
          vp.svg("title", null, `${line.label}, n = ${r.n}: ${vp.interval(r)}`),
          vp.isNumber(r.low) && vp.isNumber(r.high) && vp.svg("path", { class: "whisker thin", d: `M${at(r)} ${y(r.low)}V${y(r.high)}` }),
          vp.marker(line.shape, at(r), y(r.value), line.dashed))));
    });
    return vp.canvas(width, height, grid, below,
      vp.text((left + right) / 2, height - 6, "n", { class: "small", "text-anchor": "middle" }),
      vp.text(2, 13, "quality of the clip picked", { class: "small" }), drawn);
  });

  const byDimension = (rows, main) => vp.unique(rows.map((r) => r.dimension)).map((dimension) => {
    const here = rows.filter((r) => r.dimension === dimension && vp.isNumber(r.value));
    const ns = vp.unique(here.map((r) => r.n)).sort((a, b) => a - b);
    const lines = vp.unique(here.map((r) => r.arm)).filter((arm) => !CROWD.includes(arm)).map((arm) => ({
      label: armName(arm), shape: armShape(arm), group: arm === main ? "group-0" : "group-1", dashed: arm !== main,
      rows: here.filter((r) => r.arm === arm).sort((a, b) => a.n - b.n) }));
    if (!lines.length) return null;
    const left = Math.max(...here.map((r) => r.n_prompts_left_out || 0)), most = here.filter((r) => r.n === ns[ns.length - 1]);
    const domain = vp.range(most, []);
    return vp.el("figure", null, vp.el("p", { class: "title" }, dimensionWords(dimension)), vp.legend(lines),
      picked(`Best of n, ${dimension}`, lines, ns),
      vp.el("p", { class: "title" }, `Picked out of ${ns[ns.length - 1]}`),
      vp.rm.dots(`Picked out of ${ns[ns.length - 1]}, ${dimension}`, [...most].sort((a, b) => b.value - a.value).map((r) => ({
        ...r, label: armName(r.arm), shape: armShape(r.arm), hollow: r.arm !== main, main: r.arm === main })), { domain }),
      vp.el("figcaption", null, `n = ${vp.plural(here[0].n_prompts, "prompt")}${left ? `, up to ${vp.count(left)} left out for want of clips` : ""}`));
  });

  vp.rm.picks = (metrics) => {
    const rows = metrics.best_of_n || [];
    if (!rows.length) return null;
    const gold = rows[0].gold === "raters" ? "the raters' mean" : "the annotator's score";
    const words = vp.rm.simulated("clips", "raters"), most = Math.max(...rows.map((r) => r.n));
    return [vp.note(`Of n clips of a prompt a reward picks the one it likes most: how good is that clip by ${gold}, in points of that scale?`
      + ` Exact over all subsets of a prompt's clips; intervals over prompts${words}. Any clip is a random pick; best possible picks by the quality itself.`),
    vp.el("div", { class: "trio" }, byDimension(rows, vp.rm.main(metrics))),
    vp.rm.onScreen(`Picked out of ${most}, as a table`,
      vp.rm.matrix(`${gold[0].toUpperCase()}${gold.slice(1)} of the clip picked out of ${most}${words}`, "Picked by",
        rows.filter((r) => r.n === most), (r) => armName(r.arm), (v) => vp.fixed(v, 2), undefined, "n_prompts"))];
  };
})();
