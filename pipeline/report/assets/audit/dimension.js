"use strict";
/* One dimension of the audit: the statistics that matter, calibration, confusion, order of generators. */
vp.audit = {};
(() => {
  const KEY = ["pair_accuracy_ties_half_loo", "pair_accuracy_ties_half_of_ceiling", "pair_accuracy_with_ties", "judge_tie_share",
    "spearman_within_prompt", "spearman", "alt_test_winning_rate", "alt_test_advantage"];
  const MOST = 3; // annotators that are shown unasked

  /** All that is about one dimension: {name, words, rows, whole, slices, annotators (the nearest first)}. */
  vp.audit.of = (audit, name, words) => {
    const rows = audit.rows.filter((row) => row.dimension === name);
    const whole = vp.auditRows(audit, name, true);
    const annotators = vp.annotatorsByAccuracy(rows).filter((who) => !vp.isReference(who) && !vp.isRater(who) && who !== "jury" && !who.includes(" & "));
    return { name, words, rows, whole, annotators };
  };

  /** Something of each annotator: that of the nearest few at once, that of the others on demand. */
  vp.audit.each = (annotators, draw, wrap = (items) => items) => {
    const drawn = annotators.map((who) => [who, draw(who)]).filter(([, node]) => node);
    const [first, rest] = [drawn.slice(0, MOST), drawn.slice(MOST)];
    return [wrap(first.map(([, node]) => node)), rest.length ? vp.el("details", null,
      vp.el("summary", null, `${vp.plural(rest.length, "more annotator")}: ${rest.map(([who]) => who).join(", ")}`),
      wrap(rest.map(([, node]) => node))) : null];
  };

  vp.audit.headline = ({ name, words, whole }) => {
    const accuracy = vp.quoted(whole); // without a second rater none can be left out
    const key = [accuracy, ...KEY].filter((one, n, all) => one && all.indexOf(one) === n && (one !== KEY[0] || accuracy === one));
    return whole.length ? vp.agreementTable(whole,
      `The statistics that matter on ${vp.words(name)}${words}: value, interval over prompts, n. The nearest to the raters first`, key) : null;
  };

  /* ---- calibration ---- */
  const bins = (rows, annotator, statistic) => rows.filter((row) => row.statistic === statistic && row.annotator === annotator)
    .map((row) => ({ ...vp.binOf(row.slice), row })).filter((bin) => bin.name).sort((a, b) => a.low - b.low || a.high - b.high);

  const curve = (title, found, options) => (found.length ? vp.figure([vp.el("strong", null, title)], vp.binned(title, found, options)) : null);

  const CURVES = [
    ["calibration_accuracy", "Is it right more often where it is surer?",
      "Pair accuracy by the size of the annotator's margin, pairs that the raters do not tie. A curve that rises lets margins be used"
        + " as weights; one that does not says that they mean nothing.",
      { axis: "margin of the annotator", line: { value: 0.5, label: "guessing" }, tick: (v) => vp.percent(v, 0) }],
    ["calibration_mean_rating", "Do its scores mean what people's do?",
      "Mean rating of the clips by the annotator's score. A flat curve cannot tell good clips from bad ones.",
      { axis: "score of the annotator" }],
  ];

  vp.audit.calibration = ({ rows, annotators, words }) => {
    const shown = CURVES.filter(([statistic]) => rows.some((row) => row.statistic === statistic));
    if (!shown.length) return null;
    const range = (statistic) => { // one scale for all, so that panels can be compared
      const values = rows.filter((row) => row.statistic === statistic && vp.binOf(row.slice)).flatMap((row) => [row.value, row.low, row.high]).filter(vp.isNumber);
      return values.length ? [Math.min(...values), Math.max(...values)] : [];
    };
    return [vp.el("h3", null, "Calibration"), shown.map(([statistic, title, text, options]) => {
      const table = rows.filter((row) => row.statistic === statistic);
      const names = annotators.filter((who) => table.some((row) => row.annotator === who));
      return [vp.el("h4", null, title, words), vp.el("p", { class: "lead" }, text, " Lines are intervals over prompts; n below each bin."),
        vp.audit.each(names, (who) => curve(who, bins(rows, who, statistic), { ...options, domain: range(statistic) }),
          (items) => vp.el("div", { class: "panels wide" }, items)),
        vp.el("details", null, vp.el("summary", null, "The same as tables"), names.map((who) => {
          const found = bins(rows, who, statistic);
          return vp.table(`${who}: ${title}`, [
            { name: vp.words(found[0].name), head: true, get: (bin) => (bin.low === bin.high ? vp.score(bin.low) : `${bin.low} to ${bin.high}`) },
            { name: vp.statisticName(statistic), number: true, get: (bin) => vp.auditCell(bin.row) }], found, { class: "pivot" });
        }))];
    })];
  };

  /* ---- confusion ---- */
  const level = /^human=(.+),judge=(.+)$/;

  const matrix = (rows, annotator, words) => {
    const cells = rows.filter((row) => row.annotator === annotator && row.statistic === "confusion_share")
      .map((row) => ({ row, at: level.exec(row.slice) })).filter((cell) => cell.at);
    if (!cells.length) return null;
    const levels = vp.unique(cells.flatMap((cell) => [cell.at[1], cell.at[2]])).sort((a, b) => a - b);
    const most = Math.max(...cells.map((cell) => cell.row.value || 0)) || 1;
    const find = (human, judge) => (cells.find((cell) => cell.at[1] === human && cell.at[2] === judge) || {}).row;
    const cell = (human, judge) => {
      const row = find(human, judge);
      const node = vp.el("td", { class: human === judge ? "number same" : "number",
        title: row && `raters ${human}, ${annotator} ${judge}: ${vp.auditWords(row)}` },
      row ? [vp.el("span", { class: "figure" }, vp.percent(row.value)), vp.el("span", { class: "interval line" }, vp.intervalOf(row))] : "–");
      node.style.setProperty("--share", row ? (row.value || 0) / most : 0);
      return node;
    };
    const n = vp.unique(cells.map(({ row }) => vp.nOf(row))).join(", ");
    const caption = `${annotator}${words}: a rater's score down, the annotator's across; share of all ${n} with its interval. Framed: equal scores`;
    return vp.el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      vp.el("table", { class: "confusion" }, vp.el("caption", null, vp.el("span", null, caption)),
        vp.el("thead", null, vp.el("tr", null, vp.el("th", { scope: "col" }, "Raters"),
          levels.map((judge) => vp.el("th", { scope: "col", class: "number" }, judge)))),
        vp.el("tbody", null, levels.map((human) => vp.el("tr", null, vp.el("th", { scope: "row" }, human),
          levels.map((judge) => cell(human, judge)))))));
  };

  vp.audit.confusion = ({ rows, annotators, words }) => {
    if (!rows.some((row) => row.statistic === "confusion_share")) return null;
    return [vp.el("h3", null, "Confusion of scores"), vp.audit.each(annotators, (who) => matrix(rows, who, words), (items) => vp.el("div", { class: "matrices" }, items))];
  };

  /* ---- leaderboards ---- */
  const BOARDS = ["davidson_strength", "bradley_terry_strength"];
  const generatorOf = (row) => (/^generator=(.*)$/s.exec(row.slice || "") || [])[1];

  vp.audit.leaderboard = ({ rows, annotators, words, name }) => {
    const statistic = BOARDS.find((one) => rows.some((row) => row.statistic === one && vp.isNumber(row.value)));
    if (!statistic) return null;
    const board = rows.filter((row) => row.statistic === statistic && generatorOf(row) !== undefined)
      .map((row) => ({ ...row, generator: generatorOf(row) }));
    const has = (who) => board.some((row) => row.annotator === who);
    const shown = ["raters", ...annotators.slice(0, MOST)].filter(has), series = vp.seriesOf(shown);
    const find = (who, generator) => board.find((row) => row.annotator === who && row.generator === generator);
    const lead = (generator) => (find(shown[0], generator) || {}).value ?? -Infinity;
    const generators = vp.unique(board.map((row) => row.generator)).sort((a, b) => lead(b) - lead(a) || (a < b ? -1 : 1));
    const all = rows.filter((row) => BOARDS.includes(row.statistic) && generatorOf(row) !== undefined)
      .map((row) => ({ ...row, generator: generatorOf(row), what: `${vp.annotatorName(row.annotator)}: ${vp.statisticName(row.statistic)}` }));
    const others = rows.filter((row) => vp.isWhole(row) && ["davidson_tie", "leaderboard_spearman"].includes(row.statistic));
    return [vp.el("h3", null, "Which generator is best?"),
      vp.figure(`Strengths of the generators in log odds, mean 0 (${vp.statisticName(statistic)}), with intervals over prompts${words}; n in the table.`
        + ` Raters and ${annotators.length > MOST ? `the ${MOST} annotators nearest to them` : "annotators"} in the raters' order.`, vp.legend(series),
      vp.sideBySide(`Strengths of generators on ${name}`, generators.map((generator) => ({ label: generator, rows: shown.map((who) => find(who, generator)) })),
        series, { line: { value: 0, label: "mean" } })),
      others.length ? vp.agreementTable(others, `Order of the generators: annotator against raters, and how readily each ties${words}`, ["leaderboard_spearman", "davidson_tie"], ["raters", ...annotators]) : null,
      vp.el("details", null, vp.el("summary", null, "All strengths"),
        vp.pivot(`Strengths of generators${words}`, all, "Who", { field: "what", values: vp.unique(all.map((row) => row.what)), name: (one) => one },
          { field: "generator", values: generators, name: (one) => one }))];
  };

  vp.audit.everything = ({ whole, name, words }) => vp.el("details", null, vp.el("summary", null, "All statistics"),
    vp.auditTable(whole, `All statistics on ${vp.words(name)}${words}`));
})();
