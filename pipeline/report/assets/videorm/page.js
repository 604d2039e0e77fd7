"use strict";
/* VideoRM's section: its training, its accuracy beside its baselines, what it picks of n, calibration, probes. */
(() => {
  const ARMS = {
    videorm: ["VideoRM", "circle"], shift: ["shift alone", "triangle"], transformer: ["head over frames alone", "diamond"],
    per_frame: ["per-frame control", "square"], per_frame_shifted: ["control, shift switched on", "square"],
    trunk_frame_mean: ["trunk, mean of frames", "square"], trunk_first_frame: ["trunk, first frame", "square"],
    trunk_frame_mean_shifted: ["trunk shifted, mean of frames", "square"],
    clip_score: ["CLIPScore, mean of frames", "square"], clip_score_first_frame: ["CLIPScore, first frame", "square"],
    hps_v2: ["HPS v2, mean of frames", "square"], pick_score: ["PickScore, mean of frames", "square"],
    annotator: ["annotator", "triangle"], human_ceiling: ["human ceiling", "diamond"], chance: ["chance", "circle"],
    all_tie: ["every pair a tie", "circle"], random: ["any clip", "diamond"], oracle: ["best possible", "circle"],
  };
  const armName = (arm) => (ARMS[arm] || [vp.words(arm)])[0];
  const armShape = (arm) => (ARMS[arm] || [0, "triangle"])[1];

  const series = (metrics, field, words, dashed) =>
    vp.unique(metrics.curve.map((p) => p.arm)).map((arm, n) => ({
      label: `${armName(arm)}, ${words}`, shape: armShape(arm), group: `group-${n % 2}`, dashed,
      marked: dashed ? null : ((metrics.arms || {})[arm] || {}).selected_epoch,
      points: metrics.curve.filter((p) => p.arm === arm && vp.isNumber(p[field])).map((p) => [p.epoch, p[field]]),
    })).filter((s) => s.points.length);

  const curve = (caption, lines, x, y, label, references) => lines.length ? vp.figure(
    [vp.legend(lines), caption], vp.curves(label, lines, { x, y, lines: references })) : null;

  const training = (metrics) => vp.el("div", { class: "pair" },
    curve("Loss per epoch; the ring marks the epoch that was kept.",
      [...series(metrics, "train_loss", "training", true), ...series(metrics, "validation_loss", "validation", false)],
      "epoch", "loss", "Training and validation loss"),
    curve("Pair accuracy on the validation prompts per epoch.",
      series(metrics, "validation_accuracy", "validation", false), "epoch", "accuracy", "Validation accuracy",
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
    const whole = rows.filter((r) => r.dimension === "all");
    const name = (r) => `${armName(r.arm)} − ${armName(r.minus)}`;
    return [vp.figure(`${armName(rows[0].arm)} minus each other, all dimensions: difference in accuracy on the same pairs, in points, with its`
        + " interval over prompts; right of zero the first is better.",
        vp.estimates("Paired differences", (whole.length ? whole : rows).map((r) => ({ ...r, value: scaled(r.value), low: scaled(r.low), high: scaled(r.high),
          label: `− ${armName(r.minus)}, ${against(r.against)}` })),
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

  /* ---- ties, slices, picks, calibration, probes: each only where metrics.json has it -------- */
  const dimensionWords = (name) => (name === "all" ? "all dimensions" : vp.words(name));
  const SOURCES = { log_k: ", its own threshold", validation: "" };

  /** A line per label, a column per dimension, and how many pairs or prompts each column is of. */
  const matrix = (caption, first, rows, label, format, bound, count) => {
    const of = (name, dimension) => rows.find((r) => label(r) === name && r.dimension === dimension) || {};
    const column = (dimension) => {
      const n = vp.span(rows.filter((r) => r.dimension === dimension).map((r) => r[count]));
      return { name: `${dimensionWords(dimension)} (${n} ${count.replace("n_", "")})`, number: true,
        get: (name) => (of(name, dimension).dimension ? vp.interval(of(name, dimension), format, bound) : "–") };
    };
    return vp.table(caption, [{ name: first, head: true, get: (name) => name },
      ...vp.unique(rows.map((r) => r.dimension)).map(column)], vp.unique(rows.map(label)));
  };

  const ties = (run, metrics) => {
    const rows = metrics.three_way || [];
    return rows.length ? vp.el("details", null, vp.el("summary", null, "Accuracy with ties"),
      vp.unique(rows.map((r) => r.against)).map((target) => matrix(
        `Pairs on which model and ${against(target)} say the same of better, worse and tie. Rewards closer than a threshold are a tie;`
        + " it is fitted on the validation prompts, or the model's own"
        + vp.simulatedWords(run, "clips", ...(target === "annotator" ? [] : ["raters"])), "Model",
        rows.filter((r) => r.against === target), (r) => armName(r.arm) + (SOURCES[r.threshold_from] || ""),
        vp.percent, (v) => vp.fixed(100 * v, 1), "n_pairs"))) : null;
  };

  const SLICES = { held_out: "generators it never trained on", seen: "generators it trained on" };
  const sliceName = (name) => name.replace(/^generators=(.*)$/, (_, which) => SLICES[which] || which).replace(/^generator=/, "");

  const slices = (run, metrics) => {
    const all = (metrics.slices || []).filter((r) => r.dimension === "all");
    if (!all.length) return null;
    const names = vp.unique(all.map((r) => r.arm)).filter((arm) => (metrics.arms || {})[arm] || arm === "human_ceiling");
    return vp.el("details", null, vp.el("summary", null, "By generator"),
      vp.unique(all.map((r) => r.against)).map((target) => {
        const here = all.filter((r) => r.against === target);
        const of = (where, arm) => here.find((r) => r.slice === where && r.arm === arm) || {};
        return vp.table(`Accuracy without ties against ${against(target)} on pairs with a clip of one generator; intervals`
          + " are of one row each, not corrected for how many there are"
          + vp.simulatedWords(run, "clips", "raters"), [
          { name: "Generator", head: true, get: sliceName },
          ...names.filter((arm) => here.some((r) => r.arm === arm)).map((arm) => ({ name: armName(arm), number: true,
            get: (where) => vp.interval(of(where, arm), vp.percent, (v) => vp.fixed(100 * v, 1)) })),
          { name: "pairs", number: true, get: (where) => vp.count(of(where, here[0].arm).n_pairs) },
          { name: "prompts", number: true, get: (where) => vp.count(of(where, here[0].arm).n_prompts) }],
        vp.unique(here.map((r) => r.slice)));
      }));
  };

  const CROWD = ["shift", "transformer", "per_frame_shifted", "trunk_first_frame", "trunk_frame_mean_shifted", "clip_score_first_frame"];

  const picks = (run, metrics) => {
    const rows = metrics.best_of_n || [];
    if (!rows.length) return null;
    const gold = rows[0].gold === "raters" ? "the raters' mean" : "the annotator's score";
    const words = vp.simulatedWords(run, "clips", "raters");
    const curves = vp.unique(rows.map((r) => r.dimension)).map((dimension) => {
      const here = rows.filter((r) => r.dimension === dimension);
      const lines = vp.unique(here.map((r) => r.arm)).filter((arm) => !CROWD.includes(arm)).map((arm) => ({
        label: armName(arm), shape: armShape(arm), group: arm === "videorm" ? "group-0" : "group-1", dashed: arm !== "videorm",
        points: here.filter((r) => r.arm === arm && vp.isNumber(r.value)).map((r) => [r.n, r.value]),
      })).filter((line) => line.points.length);
      const left = Math.max(...here.map((r) => r.n_prompts_left_out || 0));
      return curve(`${dimensionWords(dimension)}: ${gold} of the clip picked out of n, exact over all subsets of a prompt's clips;`
        + ` ${vp.plural(here[0].n_prompts, "prompt")}${left ? `, up to ${vp.count(left)} left out for want of clips` : ""}${words}.`,
      lines, "n", "quality", `Best of n, ${dimension}`);
    });
    const most = Math.max(...rows.map((r) => r.n));
    return [vp.el("div", { class: "pair" }, curves),
      matrix(`${gold[0].toUpperCase()}${gold.slice(1)} of the clip picked out of ${most}${words}`, "Picked by",
        rows.filter((r) => r.n === most), (r) => armName(r.arm), (v) => vp.fixed(v, 2), undefined, "n_prompts")];
  };

  const reliability = (run, row) => {
    const bins = (when, words, group, dashed, shape) => (row[when] ? [{ label: words, shape, group, dashed,
      points: row[when].bins.map((b) => [b.confidence, b.accuracy]) }] : []);
    return curve(`${vp.words(row.dimension)}, against ${against(row.against)}: share of pairs that the clip of the higher reward`
      + ` wins, by how sure the difference of rewards is; ${vp.count(row.n_pairs)} pairs without ties${vp.simulatedWords(run, "clips")}.`,
    [...bins("before", "as trained", "group-0", false, "circle"), ...bins("after", "with temperature", "group-1", false, "square"),
      { label: "what it says", shape: "diamond", group: "group-1", dashed: true, points: [[0.5, 0.5], [1, 1]] }],
    "confidence", "share won", `Reliability, ${row.dimension}`);
  };

  const withInterval = (r) => (r.after ? `${vp.fixed(r.before.log_loss.value, 3)} → ` : "")
    + vp.interval((r.after || r.before).log_loss, (v) => vp.fixed(v, 3));
  const change = (name) => (r) => vp.fixed(r.before[name].value, 3) + (r.after ? ` → ${vp.fixed(r.after[name].value, 3)}` : "");
  const tieShares = (r) => {
    const n = r.ties.reduce((sum, bin) => sum + bin.n_pairs, 0);
    const mean = (name) => vp.percent(r.ties.reduce((sum, bin) => sum + bin.n_pairs * bin[name], 0) / n);
    return n ? `${mean("predicted")}, ${mean("observed")}` : "–";
  };

  const calibration = (run, metrics) => {
    const rows = metrics.calibration || [];
    if (!rows.length) return null;
    const first = rows.filter((r) => r.arm === rows[0].arm && r.against === rows[0].against);
    return [vp.el("div", { class: "pair" }, first.map((row) => reliability(run, row))),
      vp.table(`Calibration before → after one temperature, fitted on the validation prompts; it changes no accuracy`
        + vp.simulatedWords(run, "clips", "raters"), [
        { name: "Model", head: true, get: (r) => armName(r.arm) },
        { name: "against", get: (r) => against(r.against) },
        { name: "dimension", get: (r) => vp.words(r.dimension) },
        { name: "temperature", number: true, get: (r) => vp.fixed(r.temperature, 2) },
        { name: "log-loss and interval", number: true, get: withInterval },
        { name: "Brier score", number: true, get: change("brier") },
        { name: "calibration error", number: true, get: change("ece") },
        { name: "ties foreseen, observed", number: true, get: tieShares },
        { name: "pairs", number: true, get: (r) => vp.count(r.n_pairs) }], rows)];
  };

  const EXPECTED = { falls: "falls", stable: "stays", not_raised: "does not rise", zero: "no change at all",
    below_one: "below one", above_zero: "above zero", either: "–" };
  const expected = (r) => (EXPECTED[r.expected] || vp.words(r.expected))
    + (r.expected === "stable" && r.tolerance ? ` within ±${r.tolerance}` : "");
  const VERDICTS = { met: ["as expected", "good"], not_met: ["NOT as expected", "bad"], open: ["NOT shown", ""] };
  const UNITS = { "within-prompt standard deviations": "SD" };
  const verdict = (r) => vp.badge(...(VERDICTS[r.verdict] || [r.expected === "either" ? "for the record" : "no verdict", ""]));

  const probeTable = (run, rows) => vp.table(
    "What rewards do when a clip or its prompt is changed on purpose. As expected: the whole 95 % interval shows it; NOT as"
    + " expected: it shows the contrary; NOT shown: neither. Intervals are of one row each, not corrected for how many there"
    + " are. SD: standard deviations of the unchanged clips' rewards within a prompt. Fell: share of the clips whose reward"
    + ` fell${vp.simulatedWords(run, "clips")}`, [
      { name: "Probe", head: true, get: (r) => vp.words(r.probe) },
      { name: "verdict", get: verdict },
      ...(vp.unique(rows.map((r) => r.arm)).length > 1 ? [{ name: "model", get: (r) => armName(r.arm) }] : []),
      { name: "dimension", get: (r) => vp.words(r.dimension) },
      { name: "expected", get: expected },
      { name: "measured", number: true, get: (r) => vp.interval(r, (v) => vp.signed(v, 3)) },
      { name: "in", get: (r) => UNITS[r.unit] || vp.words(r.unit || "") },
      { name: "fell", number: true, get: (r) => (vp.isNumber(r.share_falls) ? vp.percent(r.share_falls, 0) : "–") },
      { name: "clips", number: true, get: (r) => vp.count(r.n_clips) },
      { name: "note", get: (r) => r.note || "" }], rows);

  const probes = (run, metrics) => {
    const rows = metrics.probes || [];
    if (!rows.length) return null;
    const shown = (r) => r.arm === rows[0].arm && r.expected !== "either";
    const [own, others] = [rows.filter(shown), rows.filter((r) => !shown(r))];
    return [own.length ? probeTable(run, own) : null, others.length
      ? vp.el("details", null, vp.el("summary", null, "Further probes and the other models"), probeTable(run, others)) : null];
  };

  const notes = (metrics) => (metrics.notes || []).map((note) => vp.note(note));

  const arms = (metrics) => vp.table("The models", [
    { name: "Model", head: true, get: (a) => armName(a[0]) },
    { name: "parameters", number: true, get: (a) => vp.count(a[1].parameters) },
    { name: "epoch kept", number: true, get: (a) => vp.count(a[1].selected_epoch) },
    { name: "What it is", get: (a) => a[1].description }], Object.entries(metrics.arms || {}));

  const lead = (videorm) => vp.el("p", { class: "lead" }, "The reward model trained on this run's preferences, on prompts it has not seen,"
    + " beside models of equal size without one or both of its temporal parts, and what needs no training", vp.isNumber(videorm.seed) ? ` (seed ${videorm.seed})` : "", ".");

  const draw = ({ run, videorm }) => {
    if (!videorm) return [vp.begin("VideoRM"), vp.note("No reward model was trained in this run.")];
    const targets = vp.unique(videorm.accuracy.map((r) => JSON.stringify([r.against, r.split]))).map(JSON.parse);
    const sections = [
      ...targets.map(([target, split]) => vp.section(`accuracy-${target}-${split}`, `Against ${against(target)}${split === "test" ? "" : ` (${split})`}`,
        vp.el("div", { class: "pair three" }, accuracy(run, videorm, target, split)))),
      vp.section("differences", "Beside the other models", differences(run, videorm), ties(run, videorm), slices(run, videorm)),
      vp.section("picks", "Best of n", picks(run, videorm)), vp.section("calibration", "Calibration", calibration(run, videorm)),
      vp.section("probes", "Probes", probes(run, videorm)), vp.section("training", "Training", training(videorm)),
      vp.section("models", "The models", arms(videorm), notes(videorm))].filter(Boolean);
    return [vp.begin("VideoRM"), lead(videorm), vp.contents(sections), sections];
  };

  vp.start();
  vp.add(document.getElementById("content"), draw(vp.data));
})();
