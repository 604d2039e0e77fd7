"use strict";
/* Agreement with people: the paired difference where there is one, and both audits side by side. */
(() => {
  const { points, figure, share } = vp.compare;
  const PLOTTED = "pair_accuracy_ties_half";
  const KEY = ["pair_accuracy_ties_half_loo", "pair_accuracy_ties_half", "pair_agreement_with_ties", "judge_tie_share", "spearman_within_prompt", "spearman",
    "krippendorff_alpha_ordinal"];
  const CERTAIN = ["chance", "all_tie"]; // the same rule in every run: among all numbers only

  const plots = (rows) => vp.unique(rows.map((row) => row.dimension)).map((dimension) => {
    const own = rows.filter((row) => row.dimension === dimension && row.statistic === PLOTTED && vp.isNumber(row.change.value));
    return own.length ? vp.figure(`${vp.words(dimension)}: change of pair accuracy, ties half, in points, on the same pairs and against the same people; lines are`
      + ` 95 % intervals over prompts; n = ${vp.unique(own.map((row) => vp.plural(row.n_items, "pair"))).join(", ")} in ${vp.unique(own.map((row) => vp.plural(row.n_prompts, "prompt"))).join(", ")}.`,
    vp.estimates(`Change of agreement with people on ${dimension}`, own.map((row) => ({ ...row.change, label: row.annotator,
      hollow: row.change.low <= 0 && row.change.high >= 0 })),
    { format: points, tick: (value) => points(value).replace(".0", ""), lines: [{ value: 0, label: "no change" }] })) : null;
  }).filter(Boolean);

  /** Who, and beneath it what was counted. */
  const who = (r) => [vp.annotatorName(r.annotator), vp.el("span", { class: "n line" }, vp.statisticName(r.statistic))];

  const table = (rows) => vp.unique(rows.map((row) => row.dimension)).map((dimension) => vp.table(`${vp.words(dimension)}: the same pairs, judged by both runs, against the people of both`, [
    { name: "annotator", head: true, get: who },
    { name: "change, points", number: true, get: (r) => figure(r.change, points) },
    { name: "old", number: true, get: (r) => figure(r.old, vp.percent, share.bound) },
    { name: "new", number: true, get: (r) => figure(r.new, vp.percent, share.bound) },
    { name: "n", number: true, get: (r) => [vp.plural(r.n_items, "pair"), vp.el("span", { class: "n line" }, vp.plural(r.n_prompts, "prompt")), vp.el("span", { class: "n line" }, vp.plural(r.n_raters, "rater"))] }],
  rows.filter((row) => row.dimension === dimension), { class: "pivot" }));

  const cell = (row, statistic) => (row ? vp.auditCell({ ...row, statistic }) : "–");
  const beside = (found, rows, caption) => vp.table(caption, [
    { name: "annotator", head: true, get: who },
    ...vp.compare.heads(found).map((name, n) => ({ name, number: true, get: (r) => cell(n ? r.new : r.old, r.statistic) }))], rows, { class: "pivot beside" });

  const sorted = (rows) => [...rows].sort((a, b) => vp.byAnnotator(a.annotator, b.annotator) || vp.byStatistic(a.statistic, b.statistic));
  /** Whether an annotator has the consensus' own numbers in both runs: with one judge that is all there is of it. */
  const repeats = (name, rows) => name !== "consensus" && rows.filter((row) => row.annotator === name).every((row) =>
    rows.some((one) => one.annotator === "consensus" && one.statistic === row.statistic && JSON.stringify([one.old, one.new]) === JSON.stringify([row.old, row.new])));

  const audits = (found) => {
    const rows = found.audits, has = (side) => rows.some((row) => row[side]);
    if (!rows.length) return [vp.note("Neither run was held against people.")];
    const absent = ["old", "new"].filter((side) => !has(side)).map((side) => `The ${side} run was not held against people. `);
    const dimensions = vp.unique(rows.map((row) => row.dimension)).sort();
    const called = (name) => (name === "all" ? "all dimensions" : vp.words(name));
    return [vp.el("h3", null, "What each audit says"),
      vp.el("p", { class: "notice" }, absent, "Each column is about its own run: its own clips, pairs and people. Intervals of two runs that overlap prove nothing,"
        + " neither that something changed nor that nothing did", found.people.rows.length ? "; the paired differences above tell." : "."),
      dimensions.map((dimension) => {
        const own = sorted(rows.filter((row) => row.dimension === dimension));
        const telling = own.filter((row) => KEY.includes(row.statistic) && !vp.isRater(row.annotator) && !CERTAIN.includes(row.annotator));
        const key = telling.filter((row) => !repeats(row.annotator, telling));
        return [key.length ? beside(found, key, called(dimension)) : null,
          own.length > key.length ? vp.el("details", { class: "on-screen" }, vp.el("summary", null, `All ${vp.count(own.length)} numbers about ${called(dimension)}`),
            beside(found, own, `${called(dimension)}, everything`)) : null];
      })];
  };

  vp.compare.people = (found) => {
    const { rows, why } = found.people;
    return [rows.length ? [vp.el("div", { class: vp.unique(rows.map((row) => row.dimension)).length === 3 ? "pair three" : "pair" }, plots(rows)), table(rows)] : null,
      why.length && (rows.length || found.audits.length) ? vp.el("p", { class: "note" }, rows.length ? "Not compared pair by pair: " : "No paired difference: ", why.join("; "), ".") : null,
      audits(found)];
  };
})();
