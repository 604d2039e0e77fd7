"use strict";
/* What judges.json says: how well each judge does its work, whoever is right. */
(() => {
  const points = (value) => vp.fixed(value, 2);
  const share = { format: (v) => vp.percent(v), bound: (v) => vp.fixed(100 * v, 1) };
  const dollars = (value) => (value === 0 ? "$0" : value < 0.001 ? `$${value.toPrecision(2)}` : `$${value.toFixed(4)}`);
  const SHOWN = {
    refusal_rate: ["refused", share], parse_failure_rate: ["unreadable", share],
    other_failure_rate: ["other failures", share], not_applicable_rate: ["not applicable", share],
    distinct_draws: ["distinct draws", share], spread: ["spread of draws", { format: points, bound: points }],
    position_consistency: ["same in every order", share], first_position_rate: ["picks the first", share],
    first_position_expected: ["expected of the first", share], repeat_flip_rate: ["flips between draws", share],
    cost_per_verdict_usd: ["cost of a verdict", { format: dollars, bound: dollars }],
    output_tokens_per_verdict: ["output tokens", { format: (v) => vp.fixed(v, 0), bound: (v) => vp.fixed(v, 0) }],
    judges_spearman_within_prompt: ["Spearman ρ within prompt", { format: points, bound: points }],
    judges_same_choice: ["same choice", share],
  };
  const UNITS = { distinct_draws: "item", spread: "item", position_consistency: "item", repeat_flip_rate: "item",
    judges_spearman_within_prompt: "prompt", judges_same_choice: "pair" };
  const ORDER = ["first_position_rate", "first_position_expected", "position_consistency", "repeat_flip_rate"];
  const HEALTH = Object.keys(SHOWN).filter((name) => !ORDER.includes(name) && !name.startsWith("judges_"));
  const BETWEEN = ["judges_spearman_within_prompt", "judges_same_choice"];
  const ALL = "all";
  const FEW = 6; // figures that stand in a table beside their plot
  const RATES = ["refusal_rate", "parse_failure_rate", "other_failure_rate"];

  /** Value, interval and n, one under the other; an unknown value is called so. */
  const cell = (row) => {
    if (!row) return "–";
    if (!vp.isNumber(row.value)) return vp.el("span", { class: "muted" }, "unknown");
    const { format, bound } = SHOWN[row.statistic][1];
    return [vp.el("span", { class: "figure" }, format(row.value)),
      vp.isNumber(row.low) && vp.isNumber(row.high) && row.low < row.high
        && vp.el("span", { class: "interval line" }, `[${bound(row.low)}, ${bound(row.high)}]`),
      vp.el("span", { class: "n line" }, vp.plural(row.n_items, UNITS[row.statistic] || "verdict"))];
  };

  /** Values of one field down, statistics across: only those that any row has. */
  const table = (caption, corner, field, names, rows) => {
    const values = vp.unique(rows.map((row) => row[field]));
    const present = names.filter((name) => rows.some((row) => row.statistic === name));
    return values.length ? vp.table(caption, [{ name: corner, head: true, get: (value) => (field === "dimension" ? vp.words(value) : value) },
      ...present.map((name) => ({ name: SHOWN[name][0], number: true,
        get: (value) => cell(rows.find((row) => row[field] === value && row.statistic === name)) }))],
    values, { class: "pivot" }) : null;
  };

  const whole = (row) => row.dimension === ALL && row.generator === ALL;

  /** One judge's figures by generator and by dimension. */
  const slices = (rows, judge, words) => {
    const own = rows.filter((row) => row.annotator === judge), names = [...HEALTH, ...ORDER];
    const generators = own.filter((row) => row.dimension === ALL && row.generator !== ALL);
    const dimensions = own.filter((row) => row.generator === ALL && row.dimension !== ALL);
    if (!generators.length) return null;
    const failing = RATES.map((name) => generators.filter((row) => row.statistic === name)).filter((found) => found.some((row) => row.value > 0));
    return vp.el("details", { class: "slices" }, vp.el("summary", null, `${judge} by generator and dimension`),
      vp.el("div", { class: "pair" }, failing.map((found) => plot([vp.el("strong", null, SHOWN[found[0].statistic][0]), ` by generator, of ${vp.span(found.map((row) => row.n_items))} verdicts each${words}`],
        `${judge}: ${SHOWN[found[0].statistic][0]} by generator`, found.map((row) => ({ ...row, label: row.generator })), found[0].statistic, { tick: (v) => vp.percent(v, 0) }))),
      table(`${judge} by generator${words}: a comparison counts for each generator that it shows`, "Generator", "generator", names, generators),
      table(`${judge} by dimension${words}`, "Dimension", "dimension", names, dimensions));
  };

  const position = (rows, words) => {
    const own = rows.filter((row) => whole(row) && ORDER.includes(row.statistic));
    const first = own.filter((row) => row.statistic === "first_position_rate");
    if (!own.length) return null;
    const expected = vp.unique(own.filter((row) => row.statistic === "first_position_expected").map((row) => row.value));
    return [vp.el("h3", null, "Does the order decide?"),
      first.length ? vp.figure("How often the clip shown first is preferred, of decided comparisons in all orders, with 95 %"
        + ` intervals over prompts${words}. A judge that looks at the clips alone lies on the line.`,
        vp.estimates("Picks of the clip shown first", first.map((row) => ({ ...row, label: row.annotator })),
          { format: vp.percent, bound: share.bound, domain: [0, 1], tick: (v) => vp.percent(v, 0),
            lines: expected.map((value) => ({ value, label: "no bias" })) })) : null,
      table(`Order of the clips shown${words}`, "Judge", "annotator", ORDER, own)];
  };

  /** Estimates of one statistic, a row each; null where fewer than two have a number. */
  const plot = (caption, label, rows, name, options) => {
    const drawn = rows.filter((row) => vp.isNumber(row.value));
    const { format, bound } = SHOWN[name][1];
    return drawn.length > 1 ? vp.figure(caption, vp.estimates(label, drawn, { format, bound, ...options })) : null;
  };

  const between = (rows, words) => {
    const own = rows.filter((row) => BETWEEN.includes(row.statistic));
    if (!own.length) return null;
    const several = vp.unique(own.map((row) => row.annotator)).length > 1;
    return [vp.el("h3", null, "Judges with each other"),
      vp.note("How far two judges say the same. It is no evidence that either is right: models share faults."),
      several ? vp.el("div", { class: "pair" }, BETWEEN.flatMap((name) => vp.unique(own.map((row) => row.dimension)).map((dimension) => {
        const mine = own.filter((row) => row.dimension === dimension && row.statistic === name).sort((a, b) => b.value - a.value);
        return plot([vp.el("strong", null, vp.words(dimension)), `: ${SHOWN[name][0]}, n counts ${UNITS[name]}s, 95 % intervals over prompts${words}.`],
          `${SHOWN[name][0]} of judges on ${dimension}`, mine.map((row) => ({ ...row, label: `${row.annotator} (n = ${vp.count(row.n_items)})` })), name,
          name === "judges_spearman_within_prompt" ? { lines: [{ value: 0, label: "unrelated" }] } : { lines: [{ value: 0.5, label: "chance" }], tick: (v) => vp.percent(v, 0) });
      }))) : null,
      folded(several, vp.plural(own.length, "figure"), vp.unique(own.map((row) => row.dimension)).map((dimension) =>
        table(`Agreement of judges with each other on ${vp.words(dimension)}${words}`, "Judges", "annotator", BETWEEN,
          own.filter((row) => row.dimension === dimension))))];
  };

  /** Whether judges err on the same pairs: correlations as a plot where there are several, and the table. */
  const jury = (audit, words) => {
    const rows = vp.juryRows(audit).filter((row) => row.statistic === "error_correlation" && vp.isNumber(row.value));
    const plots = vp.unique(rows.map((row) => row.dimension)).map((dimension) => {
      const mine = rows.filter((row) => row.dimension === dimension).sort((a, b) => b.value - a.value);
      return mine.length > 1 ? vp.figure([vp.el("strong", null, vp.words(dimension)), `: correlation of two judges' errors against people, n counts pairs, 95 % intervals over prompts${words}.`],
        vp.estimates(`Correlation of errors on ${dimension}`, mine.map((row) => ({ ...row, label: `${row.annotator} (n = ${vp.count(row.n_items)})` })),
          { lines: [{ value: 0, label: "independent" }] })) : null;
    }).filter(Boolean);
    const [tables, note] = vp.juryTable(audit, words);
    return [vp.el("h3", null, "Do the judges err together?"), plots.length ? vp.el("div", { class: "pair" }, plots) : null,
      folded(plots.length && rows.length > FEW, vp.plural(vp.juryRows(audit).length, "figure"), tables), note];
  };

  const folded = (fold, words, content) => (fold ? vp.el("details", null, vp.el("summary", null, `${words} as a table`), content) : content);

  vp.judgesHealth = ({ run, judges, audit }) => {
    const words = vp.simulatedWords(run, "clips");
    if (!judges) return [vp.note("The health of the judges was not measured in this run.")];
    const health = judges.rows.filter((row) => whole(row) && HEALTH.includes(row.statistic));
    return [
      vp.el("p", { class: "lead" }, "How each annotator did its work, whoever is right: what it refused, what could not be read,"
        + " whether its draws differ, whether the order of the clips decides, and what a verdict costs."),
      judges.notes.length ? vp.el("ul", { class: "findings" }, judges.notes.map((text) => vp.el("li", null, text))) : null,
      table(`Health of each judge${words}, with 95 % intervals over prompts and n`, "Judge", "annotator", HEALTH, health)
        || vp.note("No verdict was asked for."),
      vp.unique(health.map((row) => row.annotator)).map((judge) => slices(judges.rows, judge, words)),
      position(judges.rows, words), between(judges.rows, words),
      audit && vp.juryRows(audit).length ? jury(audit, vp.simulatedWords(run, "raters", "clips")) : null,
      howToRead(judges)];
  };

  const howToRead = (judges) => {
    const meaning = judges.statistics || {};
    const names = Object.keys(SHOWN).filter((name) => meaning[name] && judges.rows.some((row) => row.statistic === name));
    return names.length ? vp.el("details", { class: "glossary" }, vp.el("summary", null, "What each figure means"),
      vp.el("dl", { class: "terms" }, names.map((name) => [vp.el("dt", null, SHOWN[name][0]), vp.el("dd", null, meaning[name])])),
      vp.el("ul", { class: "prose" }, (judges.method || []).map((text) => vp.el("li", null, text)))) : null;
  };
})();
