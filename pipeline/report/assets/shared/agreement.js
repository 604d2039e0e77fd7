"use strict";
/* Agreement with people as tables and as a plot, for the report's section and for the audit page. */
(() => {
  const HEADLINES = ["pair_accuracy_ties_half_loo", "pair_accuracy_ties_half"];
  const KEY = [...HEADLINES, "judge_tie_share", "spearman_within_prompt", "spearman", "exact_agreement"];
  const JURY = ["error_correlation", "mean_error_correlation", "effective_judges", "all_wrong"];

  /** Rows by one key down and another across, every cell with interval and n. */
  vp.pivot = (caption, rows, corner, down, across) => {
    const at = new Map(rows.map((row) => [JSON.stringify([row[down.field], row[across.field]]), row]));
    return vp.table(caption, [
      { name: corner, head: true, get: down.name },
      ...across.values.map((value) => ({ name: across.name(value), number: true,
        get: (key) => vp.auditCell(at.get(JSON.stringify([key, value]))) })),
    ], down.values, { class: "pivot" });
  };

  const annotators = (rows) => vp.unique(rows.map((row) => row.annotator)).sort(vp.byAnnotator);
  vp.statisticsOf = (rows) => vp.unique(rows.map((row) => row.statistic)).sort(vp.byStatistic);

  vp.figure = (caption, ...content) =>
    vp.el("figure", null, content, vp.el("figcaption", null, caption));

  /** The accuracy that is quoted: with one rater left out where any annotator has it; null: none. */
  vp.quoted = (rows) => HEADLINES.find((name) => rows.some((row) => vp.isWhole(row) && row.statistic === name
    && vp.isNumber(row.value) && !vp.isReference(row.annotator) && !vp.isRater(row.annotator))) || null;

  /** Annotators, the nearest to the raters first; those without that number last, then references. */
  vp.annotatorsByAccuracy = (rows) => {
    const statistic = vp.quoted(rows);
    const value = new Map(rows.filter((row) => row.statistic === statistic && vp.isWhole(row)).map((row) => [row.annotator, row.value]));
    return annotators(rows).sort((a, b) => vp.isReference(a) - vp.isReference(b)
      || (vp.isReference(a) ? vp.byAnnotator(a, b) : (value.get(b) ?? -1) - (value.get(a) ?? -1) || vp.byAnnotator(a, b)));
  };

  /** Pair accuracy of every annotator beside the human ceiling and chance, all on one target. */
  vp.accuracyPlot = (rows, dimension) => {
    const statistic = vp.quoted(rows);
    if (!statistic) return null;
    const all = rows.filter((row) => row.statistic === statistic && vp.isNumber(row.value));
    const chance = all.find((row) => row.annotator === "chance");
    const shown = vp.annotatorsByAccuracy(all).filter((name) => !["chance", "all_tie"].includes(name))
      .map((name) => all.find((row) => row.annotator === name));
    const target = statistic.endsWith("_loo") ? "the mean of the other raters, each rater left out in turn"
      : "the mean of the raters";
    return vp.figure(
      `Pairs of ${vp.words(dimension)} ordered as by ${target}; a tie of the annotator counts half.`
        + ` Lines are intervals over prompts; n = ${vp.unique(shown.map(vp.nOf)).join(", ")}. Open marks are references.`,
      vp.estimates(`Pair accuracy on ${dimension}`, shown.map((row) => ({
        ...row, label: vp.annotatorName(row.annotator), hollow: vp.isReference(row.annotator),
        shape: vp.isReference(row.annotator) ? "diamond" : "circle" })),
      { format: vp.percent, bound: vp.formatOf(statistic).bound, tick: (value) => vp.percent(value, 0),
        lines: [{ value: chance ? chance.value : 0.5, label: "chance" }] }));
  };

  /** A short table: annotators down, the named statistics that there are across. */
  vp.agreementTable = (rows, caption, key = KEY, order = vp.annotatorsByAccuracy(rows)) => {
    const present = key.filter((name) => rows.some((row) => row.statistic === name));
    const own = rows.filter((row) => present.includes(row.statistic));
    return vp.pivot(caption, own, "Annotator",
      { field: "annotator", values: order.filter((who) => own.some((row) => row.annotator === who)), name: vp.annotatorName },
      { field: "statistic", values: present, name: vp.shortName });
  };

  /** Every statistic of one dimension: statistics down, annotators across. */
  vp.auditTable = (rows, caption) => vp.pivot(caption, rows, "Statistic",
    { field: "statistic", values: vp.statisticsOf(rows), name: vp.statisticName },
    { field: "annotator", values: vp.annotatorsByAccuracy(rows), name: vp.annotatorName });

  /** Rows of annotators among each other, people deciding what an error is: two of them, or all. */
  vp.juryRows = (audit) => audit.rows.filter((row) => JURY.includes(row.statistic) && vp.isWhole(row));

  /** Whether the annotators err on the same pairs: who down, dimensions across. */
  vp.juryTable = (audit, words) => {
    const rows = vp.juryRows(audit).map((row) => ({ ...row, who: row.statistic === "error_correlation"
      ? row.annotator : `${row.annotator}: ${vp.statisticName(row.statistic).toLowerCase()}` }));
    if (!rows.length) return null;
    return [vp.pivot(`Do the judges err on the same pairs? Correlation of their errors against people${words}`, rows, "Judges",
      { field: "who", values: vp.unique(rows.map((row) => row.who)), name: (who) => who },
      { field: "dimension", values: vp.unique(rows.map((row) => row.dimension)), name: vp.words }),
    vp.note("A correlation near 1 means that one judge repeats the mistakes of the other. The effective number is how many"
      + " independent judges all of them are worth. All judges wrong: the share of pairs on which none orders the clips as"
      + " people do (half a pair where the best of them ties), which no rule that picks among them can mend.")];
  };

  const ofPeople = (row) => row.annotator === "raters" || vp.isRater(row.annotator);

  /** Dimensions on which annotators (not only raters) have numbers, and the rows of one of them. */
  vp.auditDimensions = (audit) => vp.unique(audit.rows.filter((row) =>
    !vp.isReference(row.annotator) && !ofPeople(row) && !/_rate$|^answered/.test(row.statistic)).map((row) => row.dimension));
  vp.auditRows = (audit, dimension, whole) => audit.rows.filter((row) =>
    !ofPeople(row) && !JURY.includes(row.statistic) && row.dimension === dimension && vp.isWhole(row) === whole);
})();
