"use strict";
/* What audit.json says, for the report's section and for the audit page. Statistics and annotators
   that this file does not know are shown under their own names. */
(() => {
  const NAMES = {
    pair_accuracy_ties_half: "Pair accuracy, ties half",
    pair_accuracy_ties_excluded: "Pair accuracy, ties excluded",
    pair_accuracy_ties_wrong: "Pair accuracy, ties wrong",
    pair_agreement_with_ties: "Agreement on better, worse, tie",
    judge_tie_share: "Tie share of the annotator",
    human_tie_share: "Tie share of the raters",
    spearman_within_prompt: "Spearman ρ within prompt",
    kendall_tau_b_within_prompt: "Kendall τ-b within prompt",
    spearman: "Spearman ρ, pooled",
    kendall_tau_b: "Kendall τ-b, pooled",
    kendall_tau_c: "Kendall τ-c, pooled",
    pearson: "Pearson r, pooled",
    exact_agreement: "Exact agreement",
    within_one_agreement: "Agreement within one level",
    cohen_kappa_quadratic: "Cohen's κ, quadratic",
    krippendorff_alpha_ordinal: "Krippendorff's α, ordinal",
    krippendorff_alpha_interval: "Krippendorff's α, interval",
    krippendorff_alpha_nominal: "Krippendorff's α, nominal",
    krippendorff_alpha_ordinal_joined: "α of raters and annotator together",
    icc_2_1: "ICC(2,1)",
    error_correlation: "Correlation of errors",
    mean_error_correlation: "Mean correlation of errors",
    effective_judges: "Effective number of judges",
    all_wrong: "All judges wrong",
  };
  const VARIANTS = [["_of_ceiling", ", share of the ceiling"], ["_ceiling", ", ceiling on the same"], ["_loo", ", one rater left out"]];
  const SHARES = /accuracy|agreement|share|all_wrong|_of_ceiling$/;
  const HEADLINES = ["pair_accuracy_ties_half_loo", "pair_accuracy_ties_half"];
  const KEY = [...HEADLINES, "judge_tie_share", "spearman_within_prompt", "spearman", "exact_agreement"];
  const JURY = ["error_correlation", "mean_error_correlation", "effective_judges", "all_wrong"];
  const REFERENCES = { human_ceiling: "human ceiling", all_tie: "all ties", chance: "chance", raters: "raters" };

  vp.statisticName = (name) => {
    const [suffix, words] = VARIANTS.find(([end]) => name.endsWith(end)) || ["", ""];
    const base = name.slice(0, name.length - suffix.length);
    return (NAMES[base] || vp.words(base)) + words;
  };
  vp.annotatorName = (name) => REFERENCES[name] || name;
  vp.isWhole = (row) => !row.slice || ["all", "overall"].includes(row.slice);
  const isReference = (name) => name in REFERENCES;

  const place = (list, name) => (list.includes(name) ? list.indexOf(name) : list.length);
  const order = Object.keys(NAMES);
  /** Statistics in reading order, a variant right after its base. */
  const byStatistic = (a, b) => {
    const key = (name) => {
      const n = VARIANTS.findIndex(([end]) => name.endsWith(end));
      const base = n < 0 ? name : name.slice(0, name.length - VARIANTS[n][0].length);
      return [place(order, base), n < 0 ? 0 : 3 - n];
    };
    const [x, y] = [key(a), key(b)];
    return x[0] - y[0] || x[1] - y[1];
  };
  /** Annotators in alphabetical order, references after them. */
  const byAnnotator = (a, b) => isReference(a) - isReference(b)
    || place(Object.keys(REFERENCES), a) - place(Object.keys(REFERENCES), b) || (a < b ? -1 : 1);

  const n = (row) => {
    if (!vp.isNumber(row.n_items)) return "";
    if (JURY.includes(row.statistic)) return `${vp.count(row.n_items)} pairs`;
    if (!/^pair_|tie_share/.test(row.statistic)) return `${vp.count(row.n_items)} clips`;
    return `${vp.count(row.n_items)} ${/_(loo|ceiling)$/.test(row.statistic) ? "pairs × raters" : "pairs"}`;
  };

  const shareBounds = (value) => vp.fixed(100 * value, 1);

  /** Value, interval and n, one under the other. */
  const cell = (row) => {
    if (!row) return "–";
    if (!vp.isNumber(row.value)) return vp.el("span", { class: "muted why" }, row.reason ? `undefined: ${row.reason}` : "undefined");
    const share = SHARES.test(row.statistic);
    const value = share ? vp.percent(row.value) : vp.fixed(row.value, 3);
    const bound = share ? shareBounds : (v) => vp.fixed(v, 3);
    return [vp.el("span", { class: "figure" }, value),
      vp.isNumber(row.low) && vp.isNumber(row.high) && row.low < row.high &&
        vp.el("span", { class: "interval line" }, `[${bound(row.low)}, ${bound(row.high)}]`),
      vp.el("span", { class: "n line" }, n(row))];
  };

  /** Rows by one key down and another across, every cell with interval and n. */
  const pivot = (caption, rows, corner, down, across) => vp.table(caption, [
    { name: corner, head: true, get: down.name },
    ...across.values.map((value) => ({ name: across.name(value), number: true,
      get: (key) => cell(rows.find((row) => row[down.field] === key && row[across.field] === value)) })),
  ], down.values, { class: "pivot" });

  const annotators = (rows) => vp.unique(rows.map((row) => row.annotator)).sort(byAnnotator);
  const statistics = (rows) => vp.unique(rows.map((row) => row.statistic)).sort(byStatistic);

  vp.figure = (caption, ...content) =>
    vp.el("figure", null, content, vp.el("figcaption", null, caption));

  /** Pair accuracy of every annotator beside the human ceiling and chance, all on one target. */
  vp.accuracyPlot = (rows, dimension) => {
    const of = (name) => rows.filter((row) => row.statistic === name && vp.isNumber(row.value));
    const statistic = HEADLINES.find((name) => of(name).some((row) => !isReference(row.annotator)));
    if (!statistic) return null;
    const all = of(statistic), chance = all.find((row) => row.annotator === "chance");
    const shown = annotators(all).filter((name) => !["chance", "all_tie"].includes(name))
      .map((name) => all.find((row) => row.annotator === name));
    const target = statistic.endsWith("_loo") ? "the mean of the other raters, each rater left out in turn"
      : "the mean of the raters";
    return vp.figure(
      `Pairs of ${vp.words(dimension)} ordered as by ${target}; a tie of the annotator counts half.`
        + ` Lines are intervals over prompts; n = ${vp.unique(shown.map(n)).join(", ")}. Open marks are references.`,
      vp.estimates(`Pair accuracy on ${dimension}`, shown.map((row) => ({
        ...row, label: vp.annotatorName(row.annotator), hollow: isReference(row.annotator),
        shape: isReference(row.annotator) ? "diamond" : "circle" })),
      { format: vp.percent, bound: shareBounds, tick: (value) => vp.percent(value, 0),
        lines: [{ value: chance ? chance.value : 0.5, label: "chance" }] }));
  };

  /** The short table of the report: annotators down, the statistics that matter most across. */
  vp.agreementTable = (rows, caption) => {
    const present = KEY.filter((name) => rows.some((row) => row.statistic === name));
    return pivot(caption, rows, "Annotator",
      { field: "annotator", values: annotators(rows.filter((row) => present.includes(row.statistic))), name: vp.annotatorName },
      { field: "statistic", values: present, name: vp.statisticName });
  };

  /** Every statistic of one dimension: statistics down, annotators across. */
  vp.auditTable = (rows, caption) => pivot(caption, rows, "Statistic",
    { field: "statistic", values: statistics(rows), name: vp.statisticName },
    { field: "annotator", values: annotators(rows), name: vp.annotatorName });

  /** One table per annotator: slices down, the statistics that matter most across. */
  vp.sliceTables = (rows, words) => annotators(rows).map((annotator) => {
    const own = rows.filter((row) => row.annotator === annotator);
    const present = statistics(own).filter((name) => KEY.includes(name) || !KEY.some((key) => own.some((row) => row.statistic === key)));
    return pivot(`${vp.annotatorName(annotator)} by slice${words}`, own, "Slice",
      { field: "slice", values: vp.unique(own.map((row) => row.slice)), name: (slice) => slice.replace("=", " ") },
      { field: "statistic", values: present, name: vp.statisticName });
  });

  /** The raters among themselves: statistics down, their own dimensions across. */
  vp.ratersTable = (audit, words) => {
    const rows = audit.rows.filter((row) => row.annotator === "raters" && vp.isWhole(row));
    if (!rows.length) return null;
    return pivot(`The raters among themselves${words}`, rows, "Statistic",
      { field: "statistic", values: statistics(rows), name: vp.statisticName },
      { field: "dimension", values: vp.unique(rows.map((row) => row.dimension)), name: vp.words });
  };

  /** Rows of annotators among each other, people deciding what an error is: two of them, or all. */
  vp.juryRows = (audit) => audit.rows.filter((row) => JURY.includes(row.statistic) && vp.isWhole(row));

  /** Whether the annotators err on the same pairs: who down, dimensions across. */
  vp.juryTable = (audit, words) => {
    const rows = vp.juryRows(audit).map((row) => ({ ...row, who: row.statistic === "error_correlation"
      ? row.annotator : `${row.annotator}: ${vp.statisticName(row.statistic).toLowerCase()}` }));
    if (!rows.length) return null;
    return [pivot(`Do the judges err on the same pairs? Correlation of their errors against people${words}`, rows, "Judges",
      { field: "who", values: vp.unique(rows.map((row) => row.who)), name: (who) => who },
      { field: "dimension", values: vp.unique(rows.map((row) => row.dimension)), name: vp.words }),
    vp.note("A correlation near 1 means that one judge repeats the mistakes of the other. The effective number is how many"
      + " independent judges all of them are worth. All judges wrong: the share of pairs on which none orders the clips as"
      + " people do (half a pair where the best of them ties), which no rule that picks among them can mend.")];
  };

  /** Dimensions on which annotators (not only raters) have numbers, and the rows of one of them. */
  vp.auditDimensions = (audit) =>
    vp.unique(audit.rows.filter((row) => row.annotator !== "raters").map((row) => row.dimension));
  vp.auditRows = (audit, dimension, whole) => audit.rows.filter((row) =>
    row.annotator !== "raters" && !JURY.includes(row.statistic) && row.dimension === dimension && vp.isWhole(row) === whole);
})();
