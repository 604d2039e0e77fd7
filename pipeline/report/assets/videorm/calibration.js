"use strict";
/* Calibration: whether a difference of rewards says how probable a preference is. */
(() => {
  const { armName, against, panel } = vp.rm;

  const bins = (row, when, label, group, dashed, shape) => (row[when] ? [{ label, shape, group, dashed,
    points: row[when].bins.map((b) => [b.confidence, b.accuracy]) }] : []);

  const error = (measured) => vp.fixed(measured.ece.value, 3);

  const reliability = (row) => {
    const lines = [...bins(row, "before", "as trained", "group-0", false, "circle"),
      ...bins(row, "after", `temperature ${vp.fixed(row.temperature, 2)}`, "group-1", false, "square"),
      { label: "what it says", shape: "diamond", group: "group-1", dashed: true, points: [[0.5, 0.5], [1, 1]] }];
    return panel(`${vp.words(row.dimension)}, against ${against(row.against)}`,
      `n = ${vp.plural(row.n_pairs, "pair")} without ties of ${vp.plural(row.n_prompts, "prompt")}; calibration error ${error(row.before)}${
        row.after ? `, after the temperature ${error(row.after)}` : ""}${vp.rm.simulatedBy(row.against)}.`,
      vp.curves(`Reliability, ${row.dimension}`, lines, { x: "how sure the difference of rewards is", y: "share won" }), vp.legend(lines));
  };

  const withInterval = (r) => (r.after ? `${vp.fixed(r.before.log_loss.value, 3)} → ` : "")
    + vp.interval((r.after || r.before).log_loss, (v) => vp.fixed(v, 3));
  const change = (name) => (r) => vp.fixed(r.before[name].value, 3) + (r.after ? ` → ${vp.fixed(r.after[name].value, 3)}` : "");
  const tieShares = (r) => {
    const n = (r.ties || []).reduce((sum, bin) => sum + bin.n_pairs, 0);
    const mean = (name) => vp.percent(r.ties.reduce((sum, bin) => sum + bin.n_pairs * bin[name], 0) / n);
    return n ? `${mean("predicted")}, ${mean("observed")}` : "–";
  };

  vp.rm.calibration = (metrics) => {
    const rows = metrics.calibration || [];
    if (!rows.length) return null;
    const [first] = vp.rm.targets(rows), own = rows.filter((r) => r.arm === rows[0].arm);
    return [vp.note("Share of pairs that the clip of the higher reward wins, by how sure the difference of rewards is: on the diagonal"
      + " it says how probable a preference is. One temperature is fitted on the validation prompts; it changes no accuracy."),
    vp.el("div", { class: "pair" }, own.filter(vp.rm.isOf(first)).map(reliability)),
    vp.rm.folded(`Log-loss, Brier score and ties: all ${rows.length} rows as a table`,
      vp.table("Calibration before → after one temperature, fitted on the validation prompts; it changes no accuracy"
        + vp.rm.simulated("clips", "raters"), [
        { name: "Model", head: true, get: (r) => armName(r.arm) },
        { name: "against", get: (r) => against(r.against) },
        { name: "dimension", get: (r) => vp.words(r.dimension) },
        { name: "temperature", number: true, get: (r) => vp.fixed(r.temperature, 2) },
        { name: "log-loss and interval", number: true, get: withInterval },
        { name: "Brier score", number: true, get: change("brier") },
        { name: "calibration error", number: true, get: change("ece") },
        { name: "ties foreseen, observed", number: true, get: tieShares },
        { name: "pairs", number: true, get: (r) => vp.count(r.n_pairs) }], rows))];
  };
})();
