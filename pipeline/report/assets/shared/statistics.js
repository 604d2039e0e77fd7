"use strict";
/* What each statistic of an audit is called, counted in and written as. One that this file does not know
   is shown under its own name. */
(() => {
  const NAMES = {
    pair_accuracy_ties_half: "Pair accuracy, ties half",
    pair_accuracy_ties_excluded: "Pair accuracy, ties excluded",
    pair_accuracy_ties_wrong: "Pair accuracy, ties wrong",
    pair_accuracy_with_ties: "Accuracy on better, worse, tie",
    pair_accuracy_with_ties_optimistic: "The same, threshold fitted on the same pairs: an upper bound",
    tie_threshold: "Tie threshold, in points of the annotator",
    pair_agreement_with_ties: "Agreement on better, worse, tie, no threshold",
    judge_tie_share: "Tie share of the annotator",
    human_tie_share: "Tie share of the raters",
    alt_test_winning_rate: "Alternative annotator test: raters it may replace",
    alt_test_advantage: "Alternative annotator test: as near as a rater",
    alt_test_winning_rate_scores: "Alternative annotator test on scores: raters it may replace",
    alt_test_advantage_scores: "Alternative annotator test on scores: as near as a rater",
    spearman_within_prompt: "Spearman ρ within prompt",
    kendall_tau_b_within_prompt: "Kendall τ-b within prompt",
    spearman: "Spearman ρ, pooled",
    kendall_tau_b: "Kendall τ-b, pooled",
    kendall_tau_c: "Kendall τ-c, pooled",
    pearson: "Pearson r, pooled",
    mean_score: "Mean score",
    exact_agreement: "Exact agreement",
    within_one_agreement: "Agreement within one level",
    cohen_kappa: "Cohen's κ",
    cohen_kappa_linear: "Cohen's κ, linear",
    cohen_kappa_quadratic: "Cohen's κ, quadratic",
    fleiss_kappa: "Fleiss' κ",
    krippendorff_alpha_ordinal: "Krippendorff's α, ordinal",
    krippendorff_alpha_interval: "Krippendorff's α, interval",
    krippendorff_alpha_interval_centred: "Krippendorff's α, interval, raters centred",
    krippendorff_alpha_nominal: "Krippendorff's α, nominal",
    krippendorff_alpha_ordinal_joined: "α of raters and annotator together",
    icc_2_1: "ICC(2,1), one rater",
    icc_2_k: "ICC(2,k), their mean",
    rater_mean: "Mean score",
    rater_offset: "Offset from the mean of the others",
    rater_sd: "Standard deviation",
    rater_tie_share: "Tie share",
    rater_pair_agreement: "Pairs of raters agree: better, worse, tie",
    rater_pair_agreement_strict: "Pairs of raters agree where both decide",
    rater_pair_coverage: "Both decide",
    leaderboard_spearman: "Order of generators, Spearman ρ",
    bradley_terry_strength: "Bradley–Terry strength",
    davidson_strength: "Davidson strength",
    davidson_tie: "Davidson's ν",
    label_accuracy: "Label accuracy",
    answered_share: "Answered",
    first_position_rate: "Picks the clip shown first",
    position_consistency: "Same choice in both orders",
    refusal_rate: "Refused",
    parse_failure_rate: "Unreadable",
    other_failure_rate: "Other failures",
    slice_gap: "Gap to all other pairs",
    slice_gap_p: "p of the gap, adjusted",
    error_correlation: "Correlation of errors",
    mean_error_correlation: "Mean correlation of errors",
    effective_judges: "Effective number of judges",
    all_wrong: "All judges wrong",
  };
  const VARIANTS = [["_of_ceiling", ", share of the ceiling"], ["_ceiling", ", ceiling on the same"], ["_loo", ", one rater left out"]];
  const REFERENCES = { human_ceiling: "human ceiling", all_tie: "all ties", chance: "chance", raters: "raters" };
  const SHARES = /accuracy|agreement|share|_rate$|rate_scores$|advantage|coverage|consistency|all_wrong|_of_ceiling$/;
  const SHORT = { // for tables that have a title
    pair_accuracy_ties_half_loo: "Pair accuracy, one rater left out",
    pair_accuracy_ties_half_of_ceiling: "Share of the ceiling",
    alt_test_winning_rate: "Raters it may replace (alternative test)",
    alt_test_advantage: "As near as a rater (alternative test)",
    alt_test_winning_rate_scores: "Raters it may replace (test on scores)",
    alt_test_advantage_scores: "As near as a rater (test on scores)",
  };
  const CERTAIN = ["chance", "all_tie"]; // follow from a rule, not from anybody's judgement
  const ALONE = "rater "; // begins the name of one rater

  const split = (name) => {
    const n = VARIANTS.findIndex(([end]) => name.endsWith(end));
    return n < 0 ? [name, VARIANTS.length] : [name.slice(0, -VARIANTS[n][0].length), n];
  };
  vp.statisticName = (name) => {
    const [base, n] = split(name);
    return (NAMES[base] || vp.words(base)) + (n < VARIANTS.length ? VARIANTS[n][1] : "");
  };
  vp.shortName = (name) => SHORT[name] || vp.statisticName(name);
  vp.annotatorName = (name) => REFERENCES[name] || name;
  vp.isReference = (name) => Object.hasOwn(REFERENCES, name);
  vp.isRater = (name) => name.startsWith(ALONE);
  vp.isWhole = (row) => !row.slice || ["all", "overall"].includes(row.slice);

  const place = (list, name) => (list.includes(name) ? list.indexOf(name) : list.length);
  const order = Object.keys(NAMES);
  /** Statistics in reading order, a variant right after its base. */
  vp.byStatistic = (a, b) => {
    const [[x, m], [y, n]] = [split(a), split(b)];
    return place(order, x) - place(order, y) || (x < y ? -1 : x > y ? 1 : n - m);
  };
  /** Annotators in alphabetical order, references after them. */
  vp.byAnnotator = (a, b) => vp.isReference(a) - vp.isReference(b)
    || place(Object.keys(REFERENCES), a) - place(Object.keys(REFERENCES), b) || (a < b ? -1 : a > b ? 1 : 0);

  const UNITS = [ // what n_items counts, the first that fits
    [/^(error_correlation|mean_error|effective_|all_wrong)/, "pair"],
    [/^answered/, "item"],
    [/^(first_position|label_acc|refusal|parse_f|other_f)/, "question"],
    [/^confusion/, "pair of scores"],
    [/_scores$/, "clip"],
    [/^pair_.*_(loo|ceiling)$/, "pair × rater"],
    [/^(pair_|rater_pair|rater_tie|alt_test|calibration_acc|slice_gap|leaderboard|bradley|davidson|tie_thr|position)|tie_share/, "pair"],
  ];
  const unit = (statistic) => (UNITS.find(([pattern]) => pattern.test(statistic)) || [0, "clip"])[1];
  const plural = (n, word) => `${vp.count(n)} ${n === 1 ? word : word.replace(/^\S+/, "$&s").replace("× rater", "× raters")}`;

  /** "412 pairs"; empty where nobody counted. */
  vp.nOf = (row) => (vp.isNumber(row.n_items) ? plural(row.n_items, unit(row.statistic)) : "");

  /** How a statistic is written: {value, bound}, both from a number to text. */
  vp.formatOf = (statistic) => {
    if (statistic === "slice_gap") return { value: (v) => vp.signed(100 * v, 1), bound: (v) => vp.signed(100 * v, 1) };
    if (statistic === "slice_gap_p") return { value: (v) => (v < 0.001 ? "< 0.001" : vp.fixed(v, 3)), bound: vp.fixed };
    if (/strength|offset/.test(statistic)) return { value: (v) => vp.signed(v), bound: (v) => vp.signed(v) };
    if (/mean|_sd$/.test(statistic) && !/error/.test(statistic)) return { value: vp.fixed, bound: vp.fixed };
    if (SHARES.test(statistic)) return { value: vp.percent, bound: (v) => vp.fixed(100 * v, 1) };
    return { value: (v) => vp.fixed(v, 3), bound: (v) => vp.fixed(v, 3) };
  };

  /** Why a number is not there, in a few words. */
  vp.whyUndefined = (row) => {
    if (row.reason) return row.reason;
    if (row.n_items === 0) return `no ${unit(row.statistic)}`;
    if (/^alt_test/.test(row.statistic)) return "fewer than three raters with 30 items";
    if (row.n_raters < 2 && /_loo$|_ceiling$|alpha|icc|fleiss|^rater_/.test(row.statistic)) return "one rater";
    if (/_within_prompt/.test(row.statistic)) return "all clips of every prompt tied";
    if (/^(error|mean_error|effective)/.test(row.statistic)) return "a judge never errs, or always";
    if (/strength|davidson/.test(row.statistic)) return "no finite strength: never beaten, never winning, or not compared";
    if (row.n_items === 1) return `one ${unit(row.statistic)}`;
    if (/ties_excluded/.test(row.statistic)) return "every pair is a tie";
    if (/spearman|kendall|pearson|alpha|kappa|icc/.test(row.statistic)) return "all values alike";
    return "cannot be computed from these";
  };

  /** "[66.0, 76.1]", "exact" where nothing is estimated, or that there is no interval. */
  vp.intervalOf = (row) => {
    if (!vp.isNumber(row.low) || !vp.isNumber(row.high)) return row.statistic === "slice_gap_p" ? "" : "no interval";
    if (row.low === row.high && CERTAIN.includes(row.annotator)) return "exact";
    const { bound } = vp.formatOf(row.statistic);
    return `[${bound(row.low)}, ${bound(row.high)}]`;
  };

  /** Value, interval and n, one under the other; why there is none where it is undefined. */
  vp.auditCell = (row) => {
    if (!row) return "–";
    if (!vp.isNumber(row.value)) {
      return [vp.el("span", { class: "muted why" }, `undefined: ${vp.whyUndefined(row)}`), vp.el("span", { class: "n line" }, vp.nOf(row))];
    }
    return [vp.el("span", { class: "figure" }, vp.formatOf(row.statistic).value(row.value)),
      vp.el("span", { class: "interval line" }, vp.intervalOf(row)), vp.el("span", { class: "n line" }, vp.nOf(row))];
  };

  /** The same in one line, for titles: "71.2 % [66.0, 76.1], n = 412 pairs". */
  vp.auditWords = (row) => (vp.isNumber(row.value)
    ? `${vp.formatOf(row.statistic).value(row.value)} ${vp.intervalOf(row)}, n = ${vp.nOf(row)}`
    : `undefined: ${vp.whyUndefined(row)}, n = ${vp.nOf(row)}`);

  /** Ends of "name=LOW..HIGH", or of "name=VALUE" where the value is a number: {name, low, high}, else null. */
  vp.binOf = (slice) => {
    const found = /^([^=]+)=(.+?)(?:\.\.(.+))?$/.exec(slice || "");
    const [low, high] = found ? [Number(found[2]), Number(found[3] ?? found[2])] : [];
    return vp.isNumber(low) && vp.isNumber(high) ? { name: found[1], low, high } : null;
  };
})();
