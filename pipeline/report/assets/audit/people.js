"use strict";
/* The raters among each other and one by one; replies that are missing; who a judge prefers by place. */
(() => {
  const BARS = [
    ["rater_offset", "Offset: how much higher a rater scores than the others do on the same clips", { value: 0, label: "as the others" }],
    ["rater_mean", "Mean score of each rater", null],
    ["pair_accuracy_ties_half_loo", "Agreement with the others: pairs that each rater orders as the mean of the others does, a tie half",
      { value: 0.5, label: "guessing" }],
    ["rater_tie_share", "Share of pairs that each rater ties", null],
  ];
  const nameOf = (annotator) => annotator.replace(/^rater /, "");

  const bar = (rows, [statistic, title, line], words) => {
    const own = rows.filter((row) => row.statistic === statistic);
    if (!own.length) return null;
    const format = vp.formatOf(statistic);
    return vp.figure(`${title}${words}; lines are intervals over prompts, n = ${vp.unique(own.map(vp.nOf)).join(", ")}.`,
      vp.estimates(title, own.map((row) => ({ ...row, label: nameOf(row.annotator) })),
        { format: format.value, bound: format.bound, lines: line ? [line] : [], tick: /share|accuracy/.test(statistic) ? (v) => vp.percent(v, 0) : undefined }));
  };

  /** Every rater: bars, then a table. */
  const oneByOne = (rows, words) => {
    const own = rows.filter((row) => vp.isRater(row.annotator) && vp.isWhole(row));
    if (!own.length) return null;
    return [vp.el("div", { class: "pair" }, BARS.map((one) => bar(own, one, words))),
      vp.el("details", null, vp.el("summary", null, "Every rater as a table"),
        vp.pivot(`Every rater${words}`, own, "Rater",
          { field: "annotator", values: vp.unique(own.map((row) => row.annotator)), name: nameOf },
          { field: "statistic", values: vp.statisticsOf(own), name: vp.statisticName }))];
  };

  const FIRST = ["krippendorff_alpha_ordinal", "krippendorff_alpha_interval", "krippendorff_alpha_interval_centred", "icc_2_1",
    "rater_pair_agreement", "rater_pair_agreement_strict", "rater_pair_coverage", "human_tie_share"];

  /** Statistics of all raters together down, their dimensions across. */
  const among = (caption, rows, order) => (rows.length ? vp.pivot(caption, rows, "Statistic",
    { field: "statistic", values: order.filter((name) => rows.some((row) => row.statistic === name)), name: vp.statisticName },
    { field: "dimension", values: vp.unique(rows.map((row) => row.dimension)), name: vp.words }) : null);

  vp.audit.raters = (audit, words) => {
    const rows = audit.rows.filter((row) => row.annotator === "raters" && !/strength|davidson/.test(row.statistic));
    const alone = audit.rows.filter((row) => vp.isRater(row.annotator));
    if (!rows.length && !alone.length) return null;
    const whole = rows.filter(vp.isWhole), rest = whole.filter((row) => !FIRST.includes(row.statistic)), slices = rows.filter(vp.audit.isSlice);
    const dimensions = vp.unique(alone.map((row) => row.dimension));
    return [vp.el("p", { class: "lead" }, "What the annotators are held against. A low α beside a high agreement on pairs, and raters whose offsets"
      + " lie apart, say that some are more severe than others, not that they judge at random: α after centring shows what is left."),
    among(`The raters among themselves${words}`, whole.filter((row) => FIRST.includes(row.statistic)), FIRST),
    rest.length ? vp.el("details", { open: rest.length === whole.length }, vp.el("summary", null, "Other statistics of the raters"),
      among(`The raters among themselves, continued${words}`, rest, vp.statisticsOf(rest))) : null,
    dimensions.map((name) => [vp.el("h3", null, "Every rater on ", vp.words(name)), oneByOne(alone.filter((row) => row.dimension === name), words)]),
    slices.length ? vp.el("details", null, vp.el("summary", null, "The raters by slice"),
      vp.unique(slices.map((row) => row.dimension)).map((name) => {
        const own = slices.filter((row) => row.dimension === name), all = vp.statisticsOf(own);
        return [all.filter((one) => FIRST.includes(one)), all.filter((one) => !FIRST.includes(one))].map((some, n) => (some.length
          ? vp.pivot(`The raters on ${vp.words(name)} by slice${words}${n ? ": other statistics" : ""}`, own, "Slice",
            { field: "slice", values: vp.unique(own.map((row) => row.slice)), name: vp.audit.sliceName },
            { field: "statistic", values: some, name: vp.statisticName }) : null));
      })) : null];
  };

  /* ---- the alternative annotator test, rater by rater ---- */
  vp.audit.alternative = (audit, { name, annotators, words }) => {
    const rows = (audit.alt_test || []).filter((test) => test.dimension === name)
      .sort((a, b) => annotators.indexOf(a.annotator) - annotators.indexOf(b.annotator));
    if (!rows.length) return null;
    return vp.el("details", null, vp.el("summary", null, "The alternative annotator test, rater by rater"),
      vp.table(`May the annotator stand in for this rater${words}?`, [
        { name: "Annotator", head: true, get: (r) => r.annotator }, { name: "on", get: (r) => vp.words(r.of || "pairs") },
        { name: "rater", get: (r) => r.rater },
        { name: "as near to the others", number: true, get: (r) => [vp.el("span", { class: "figure" }, vp.percent(r.advantage)),
          vp.el("span", { class: "n line" }, vp.plural(r.n_items, r.of && r.of !== "pairs" ? "clip" : "pair"))] },
        { name: "p, adjusted", number: true, get: (r) => (vp.isNumber(r.p) ? (r.p < 0.001 ? "< 0.001" : vp.fixed(r.p, 3)) : "undefined: too few items") },
        { name: "may stand in", get: (r) => (r.beaten ? vp.badge("yes", "good") : vp.badge("not shown")) }], rows),
      vp.note("p: that the annotator falls short of the rater by more than ε is ruled out; adjusted over the raters (Benjamini and Yekutieli)."
        + " Intervals are those of the mean over the raters, in the table above."));
  };

  /* ---- places ---- */
  const CHOICES = ["label_accuracy", "answered_share", "first_position_rate", "position_consistency"];

  vp.audit.positions = ({ rows: all, annotators, words }) => {
    const rows = all.filter((row) => vp.isWhole(row) && CHOICES.includes(row.statistic)), order = [...annotators, "raters"];
    const first = rows.filter((row) => row.statistic === "first_position_rate");
    if (!rows.length) return null;
    if (rows.every((row) => row.statistic === "answered_share" && row.value === 1)) {
      return vp.note(`Every annotator answered all that it was asked (n = ${vp.unique(rows.map(vp.nOf)).join(", ")}).`);
    }
    const format = vp.formatOf("first_position_rate");
    const known = order.flatMap((who) => first.filter((row) => row.annotator === who && vp.isNumber(row.value)));
    return [vp.el("h3", null, "Answers, and whether the place decides"),
      known.length ? vp.figure("How often the clip shown first is preferred, of decided choices, with intervals over prompts"
        + `${words}; n = ${vp.unique(known.map(vp.nOf)).join(", ")}. Away from the line, and from the raters' own votes where there are any, the order of the clips decides.`,
      vp.estimates("Picks of the clip shown first", known.map((row) => ({ ...row, label: vp.annotatorName(row.annotator),
        hollow: row.annotator === "raters", shape: row.annotator === "raters" ? "diamond" : "circle" })),
        { format: format.value, bound: format.bound, tick: (v) => vp.percent(v, 0), lines: [{ value: 0.5, label: "half" }] })) : null,
      vp.agreementTable(rows, `Choices between two clips, and the share that was answered${words}`, CHOICES, order)];
  };

  /* ---- replies that are missing ---- */
  vp.audit.missing = (audit, words) => {
    const rows = audit.rows.filter((row) => /^(refusal|parse_failure|other_failure)_rate$/.test(row.statistic))
      .map((row) => ({ ...row, slice: vp.isWhole(row) ? "all" : row.slice }));
    if (!rows.length) return null;
    const several = vp.unique(rows.map((row) => row.dimension)).length > 1;
    const what = (row) => JSON.stringify([row.dimension, row.statistic]);
    const titled = rows.map((row) => ({ ...row, what: what(row) }));
    const title = (key) => {
      const [dimension, statistic] = JSON.parse(key);
      return several ? `${vp.words(dimension)}: ${vp.statisticName(statistic).toLowerCase()}` : vp.statisticName(statistic);
    };
    return [vp.el("p", { class: "lead" }, "A judge that refuses the clips of one generator more often than those of another tilts every comparison of the two."),
      vp.unique(rows.map((row) => row.annotator)).sort(vp.byAnnotator).map((who) => {
        const own = titled.filter((row) => row.annotator === who);
        return vp.pivot(`${who}: verdicts owed that are missing, by generator${words}`, own, "Generator",
          { field: "slice", values: vp.unique(own.map((row) => row.slice)).sort((a, b) => (b === "all") - (a === "all") || (a < b ? -1 : 1)),
            name: (slice) => slice.replace(/^generator=/, "") },
          { field: "what", values: vp.unique(own.map((row) => row.what)), name: title });
      })];
  };
})();
