"use strict";
/* VideoRM's section: its training, its accuracy beside its baselines, and the paired differences. */
(() => {
  const ARMS = {
    videorm: ["VideoRM", "circle"], per_frame: ["per-frame control", "square"],
    annotator: ["annotator", "triangle"], human_ceiling: ["human ceiling", "diamond"], chance: ["chance", "circle"],
  };
  const armName = (arm) => (ARMS[arm] || [vp.words(arm)])[0];
  const armShape = (arm) => (ARMS[arm] || [0, "triangle"])[1];

  const series = (metrics, field, words, dashed) =>
    vp.unique(metrics.curve.map((p) => p.arm)).map((arm, n) => ({
      label: `${armName(arm)}, ${words}`, shape: armShape(arm), group: `group-${n % 2}`, dashed,
      marked: dashed ? null : ((metrics.arms || {})[arm] || {}).selected_epoch,
      points: metrics.curve.filter((p) => p.arm === arm && vp.isNumber(p[field])).map((p) => [p.epoch, p[field]]),
    })).filter((s) => s.points.length);

  const curve = (caption, lines, y, label, references) => lines.length ? vp.figure(
    [vp.legend(lines), caption], vp.curves(label, lines, { x: "epoch", y, lines: references })) : null;

  const training = (metrics) => vp.el("div", { class: "pair" },
    curve("Loss per epoch; the ring marks the epoch that was kept.",
      [...series(metrics, "train_loss", "training", true), ...series(metrics, "validation_loss", "validation", false)],
      "loss", "Training and validation loss"),
    curve("Pair accuracy on the validation prompts per epoch.",
      series(metrics, "validation_accuracy", "validation", false), "accuracy", "Validation accuracy",
      [{ value: 0.5, label: "chance" }]));

  const nWords = (rows) => vp.unique(rows.filter((r) => vp.isNumber(r.n_pairs))
    .map((r) => `${vp.count(r.n_pairs)} pairs of ${vp.count(r.n_prompts)} prompts`)).join("; ");

  const against = (name) => (name === "raters" ? "the raters" : name === "annotator" ? "the annotator's labels" : vp.words(name));

  const accuracy = (run, metrics, target, split) => {
    const rows = metrics.accuracy.filter((r) => r.against === target && r.split === split);
    const words = vp.simulatedWords(run, "clips", ...(target === "raters" ? ["raters"] : []));
    return vp.unique(rows.map((r) => r.dimension)).map((dimension) => {
      const here = rows.filter((r) => r.dimension === dimension);
      const chance = here.find((r) => r.arm === "chance");
      const bars = here.filter((r) => r.arm !== "chance");
      if (!bars.length) return null;
      return vp.figure(`Accuracy against ${against(target)} on the ${split} prompts, `
        + `${dimension === "all" ? "all dimensions" : vp.words(dimension)}; n = ${nWords(bars)}${words}.`,
      vp.estimates(`Accuracy against ${target}, ${dimension}`, bars.map((r) => ({
        ...r, label: armName(r.arm), shape: armShape(r.arm), hollow: r.arm !== "videorm" })),
      { bars: true, domain: [0, 1], format: vp.percent, bound: (v) => vp.fixed(100 * v, 1), tick: (v) => vp.percent(v, 0),
        lines: [{ value: chance && vp.isNumber(chance.value) ? chance.value : 0.5, label: "chance" }] }));
    });
  };

  const points = (value) => vp.signed(100 * value, 1);

  const differences = (run, metrics) => {
    const rows = (metrics.differences || []);
    if (!rows.length) return null;
    const name = (r) => `${armName(r.arm)} − ${armName(r.minus)}`;
    return [vp.el("h3", null, "Paired differences"),
      vp.figure(`${vp.unique(rows.map(name)).join("; ")}: difference in accuracy on the same pairs, in points, with its interval`
        + " over prompts; right of zero the first is better.",
        vp.estimates("Paired differences", rows.map((r) => ({ ...r, value: scaled(r.value), low: scaled(r.low), high: scaled(r.high),
          label: `${against(r.against)}, ${vp.words(r.dimension)}` })),
        { lines: [{ value: 0, label: "no difference" }], format: (v) => vp.signed(v, 1) })),
      vp.table(`Paired differences in points of accuracy${vp.simulatedWords(run, "clips", "raters")}`, [
        { name: "Difference", head: true, get: name },
        { name: "against", get: (r) => against(r.against) },
        { name: "dimension", get: (r) => vp.words(r.dimension) },
        { name: "split", get: (r) => r.split },
        { name: "points and interval", number: true, get: (r) => vp.interval(r, points) },
        { name: "pairs", number: true, get: (r) => vp.count(r.n_pairs) },
        { name: "prompts", number: true, get: (r) => vp.count(r.n_prompts) }], rows)];
  };
  const scaled = (value) => (vp.isNumber(value) ? 100 * value : value);

  const arms = (metrics) => vp.table("The two models", [
    { name: "Model", head: true, get: (a) => armName(a[0]) },
    { name: "parameters", number: true, get: (a) => vp.count(a[1].parameters) },
    { name: "epoch kept", number: true, get: (a) => vp.count(a[1].selected_epoch) },
    { name: "What it is", get: (a) => a[1].description }], Object.entries(metrics.arms || {}));

  vp.sections.videorm = (box, { run, videorm }) => {
    vp.add(box, [vp.heading("videorm", "VideoRM")]);
    if (!videorm) return vp.add(box, [vp.note("No reward model was trained in this run.")]);
    const targets = vp.unique(videorm.accuracy.map((r) => JSON.stringify([r.against, r.split]))).map(JSON.parse);
    return vp.add(box, [
      vp.el("p", { class: "lead" }, "The reward model trained on this run's preferences, on prompts it has not seen,"
        + " beside a control of equal size that sees every frame by itself", vp.isNumber(videorm.seed) ? ` (seed ${videorm.seed})` : "", "."),
      training(videorm),
      targets.map(([target, split]) => [
        vp.el("h3", null, `Against ${against(target)}`, split === "test" ? "" : ` (${split})`),
        vp.el("div", { class: "pair three" }, accuracy(run, videorm, target, split))]),
      differences(run, videorm), arms(videorm)]);
  };
})();
