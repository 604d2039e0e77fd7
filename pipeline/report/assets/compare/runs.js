"use strict";
/* Who the two runs are, what they have in common, what they cost, what failed and how their judges did. */
vp.compare = {};
(() => {
  const SIDES = ["old", "new"];
  const none = () => vp.el("span", { class: "muted" }, "–");
  const lines = (parts) => (parts.length ? parts.map((part) => (Array.isArray(part)
    ? vp.el("span", { class: "line judge" }, part[0], vp.el("span", { class: "n line" }, part[1])) : vp.el("span", { class: "line" }, part))) : none());

  /** A change as points with a sign. */
  vp.compare.points = (value) => vp.signed(100 * value, 1);
  vp.compare.share = { format: vp.percent, bound: (value) => vp.fixed(100 * value, 1) };

  /** "12.3 % [10.1, 14.9]" on two lines; what is undefined is called so. Resamples that all come to one
      number say nothing of how sure it is. */
  vp.compare.figure = (row, format, bound = format) => (!row || !vp.isNumber(row.value) ? vp.el("span", { class: "muted" }, row ? "undefined" : "–")
    : [vp.el("span", { class: "figure" }, format(row.value)),
      vp.isNumber(row.low) && vp.isNumber(row.high) && row.low !== row.high ? vp.el("span", { class: "interval line" }, `[${bound(row.low)}, ${bound(row.high)}]`) : null]);

  /** The two columns' heads: which run is which. */
  vp.compare.heads = (found) => SIDES.map((side) => `${side}: ${found[side].folder}`);

  /** [who, how it was asked and which models answered under its name]. */
  const judge = (one) => [one.annotator, [one.kind !== one.annotator ? one.kind : null, one.model !== one.annotator ? one.model : null,
    vp.isNumber(one.temperature) ? `temperature ${one.temperature}` : null, vp.isNumber(one.draws) ? vp.plural(one.draws, "draw") : null,
    ...one.answered.filter((name) => name !== one.model && name !== one.annotator).map((name) => `answered by ${name}`)].filter(Boolean).join(", ")];

  const plain = (value) => (value === null || value === undefined ? null
    : typeof value === "object" ? Object.entries(value).filter(([, one]) => one !== null && one !== undefined)
      .map(([name, one]) => `${vp.words(name)} ${plain(one)}`).join(", ") : String(value));

  const rubric = (one, side) => one[side].map(({ version, sha256 }) => `version ${version}, ${sha256.slice(0, 8)}`);

  const identity = (found) => {
    const row = (name, of, more) => ({ name, cells: SIDES.map((side) => of(found[side])), more });
    const rows = [
      row("name", (r) => [r.name]), row("run id", (r) => [r.run_id]), row("dataset version", (r) => [r.dataset_version]),
      row("judges", (r) => r.judges.map(judge)),
      ...found.rubrics.map((one) => ({ name: `rubric ${one.rubric}${one.protocol === "pointwise" ? "" : ` (${one.protocol})`}`,
        cells: SIDES.map((side) => rubric(one, side)), more: one.differs ? "other text" : null })),
      row("frames", (r) => [plain(r.frames)]), row("sources", (r) => r.sources),
      ...["consensus", "preferences", "protocol"].map((name) => row(name, (r) => [plain(r.rules[name])])),
      ...["prompts", "videos", "preferences", "annotations", "comparisons"].map((name) =>
        row({ videos: "clips", preferences: "pairs", annotations: "verdicts on clips", comparisons: "verdicts between clips" }[name] || name,
          (r) => [vp.count(r.counts[name])])),
      row("merged from", (r) => r.merged_from),
      row("record written (time of the file)", (r) => [r.written]),
      row("replies bought (times of the journal’s files)", (r) => [r.journal.join(" to ")]),
      row("sentinels judged", (r) => r.sentinels.map((time) => `${time.slice(0, 16).replace("T", " ")} UTC`)),
      row("prices of", (r) => [r.prices_of]), row("videoprefer", (r) => [r.program]),
    ].map((one) => ({ ...one, cells: one.cells.map((cell) => cell.filter(Boolean)) })).filter((one) => one.cells.some((cell) => cell.length));
    const differs = (one) => Boolean(one.more) || JSON.stringify(one.cells[0]) !== JSON.stringify(one.cells[1]);
    const drawn = (caption, some) => (some.length ? vp.table(caption, [
      { name: "of the run", head: true, get: (r) => r.name },
      ...vp.compare.heads(found).map((name, n) => ({ name, get: (r) => [lines(r.cells[n]), n && r.more ? vp.badge(r.more) : null] }))],
    some, { class: "pivot beside" }) : null);
    const first = (one) => differs(one) || ["judges", "frames"].includes(one.name);
    const alike = rows.filter((one) => !first(one));
    return [drawn("Where the two differ, with their judges and frames", rows.filter(first)),
      alike.length ? vp.el("details", null, vp.el("summary", null, `What is the same in both (${alike.length})`), drawn("The same in both", alike)) : null];
  };

  const words = (found) => found.rubrics.filter((one) => one.lines.length).map((one) => vp.el("details", null,
    vp.el("summary", null, `What changed in ${one.rubric}`), vp.el("pre", { tabindex: "0" }, one.lines.join("\n"))));

  const common = ({ common }) => {
    const row = (name, one) => `${vp.count(one.common)} ${name} are in both, ${vp.count(one.only_old)} only in the old run, ${vp.count(one.only_new)} only in the new.`;
    return [vp.note(row("prompts", common.prompts), " ", row("clips", common.videos)),
      common.other_bytes ? vp.el("p", { class: "notice" }, `${vp.plural(common.other_bytes, "clip")} of the same id`
        + " hold other bytes in the new run: what was judged is not the same.") : null];
  };

  vp.compare.runs = (found) => [identity(found), words(found), common(found)];

  /* ---- cost ---- */
  const tokens = (value) => (value === null ? "–" : vp.count(value));
  const amount = (value) => (value === null || value === undefined ? "unknown" : value === 0 ? "$0" : vp.usd(value));

  vp.compare.cost = (found) => {
    const money = SIDES.map((side) => found.cost[side]);
    const spent = (name, key) => ({ name, get: (c) => (key === "usd" ? amount : tokens)(c.all_runs[key] ?? null) });
    const rows = [spent("spent on all of its runs", "usd"), spent("requests", "requests"), spent("input tokens", "input_tokens"), spent("output tokens", "output_tokens"),
      { name: "spent on the last run alone", get: (c) => amount(c.this_run.usd) },
      { name: "usable verdicts in its tables", get: (c) => vp.count(c.verdicts) },
      { name: "what its rows cost when they were bought, failures included", get: (c) => amount(c.usd) },
      { name: "of that, failures", get: (c) => amount(c.usd_of_failures) },
      { name: "the same, per usable verdict", get: (c) => amount(c.usd_per_verdict) }];
    const judges = vp.unique(money.flatMap((c) => c.by_annotator.map((one) => one.annotator))).sort();
    const of = (c, name) => c.by_annotator.find((one) => one.annotator === name);
    const cell = (c, name, get) => (of(c, name) ? get(of(c, name)) : "–");
    return [vp.table("Plain sums. What a reply cost is what it cost when it was bought, whichever run bought it", [
      { name: "in dollars, or a count", head: true, get: (r) => r.name },
      ...vp.compare.heads(found).map((name, n) => ({ name, number: true, get: (r) => r.get(money[n]) }))], rows, { class: "pivot beside" }),
    judges.length ? vp.table("The same by judge", [{ name: "judge", head: true, get: (name) => name },
      ...[["verdicts", (one) => vp.count(one.verdicts)], ["cost", (one) => amount(one.usd)], ["input tokens", (one) => tokens(one.input_tokens)],
        ["output tokens", (one) => tokens(one.output_tokens)]].flatMap(([name, get]) => SIDES.map((side, n) =>
        ({ name: `${name}, ${side}`, number: true, get: (who) => cell(money[n], who, get) })))], judges, { class: "pivot" }) : null];
  };

  /* ---- judges' health ---- */
  const FIGURES = [[/usd$/, (value) => amount(value)], [/tokens|^spread/, (value) => vp.fixed(value, 1)], [/spearman/, (value) => vp.fixed(value, 2)]];
  const written = (statistic) => {
    const [, format] = FIGURES.find(([pattern]) => pattern.test(statistic)) || [0, vp.percent];
    return [format, format === vp.percent ? vp.compare.share.bound : format];
  };

  const healthCell = (row) => vp.compare.figure(row, ...written(row.statistic));

  const ofJudge = (found, name) => vp.table(name, [
    { name: "figure", head: true, get: (r) => vp.words(r.statistic) },
    ...vp.compare.heads(found).map((head, n) => ({ name: head, number: true, get: (r) => (r[SIDES[n]]
      ? [healthCell({ ...r[SIDES[n]], statistic: r.statistic }), vp.el("span", { class: "n line" }, `n = ${vp.count(r[SIDES[n]].n_items)}`)] : "–") }))],
  found.health.rows.filter((row) => row.annotator === name), { class: "pivot beside" });

  vp.compare.health = (found) => {
    const { rows, statistics, measured } = found.health;
    if (!rows.length) return [vp.note("The health of the judges was measured in neither run.")];
    const absent = SIDES.filter((side) => !measured[side]).map((side) => `It was not measured in the ${side} run. `);
    const judges = vp.unique(rows.map((row) => row.annotator)), shared = judges.filter((name) => SIDES.every((side) => rows.some((row) => row.annotator === name && row[side])));
    const alone = judges.filter((name) => !shared.includes(name)), tables = alone.map((name) => ofJudge(found, name));
    return [vp.note(absent, "Figures about everything that a judge said, with 95 % intervals over prompts."),
      shared.map((name) => ofJudge(found, name)),
      !alone.length ? null : shared.length ? vp.el("details", null, vp.el("summary", null, `Judges that only one run had (${alone.length})`), tables) : tables,
      vp.el("details", null, vp.el("summary", null, "What each figure means"), vp.el("dl", { class: "terms" },
        vp.unique(rows.map((row) => row.statistic)).filter((name) => statistics[name]).map((name) => [vp.el("dt", null, vp.words(name)), vp.el("dd", null, statistics[name])])))];
  };

  vp.compare.failures = (found) => {
    if (!found.failures.length) return [vp.note("Neither run has a failure.")];
    const cell = (row, side) => [vp.el("span", { class: "figure" }, vp.count(row[side])),
      row[`owed_${side}`] ? vp.el("span", { class: "n line" }, `of ${vp.count(row[`owed_${side}`])}, ${vp.percent(row[side] / row[`owed_${side}`])}`) : null];
    return [vp.table("What was owed and is missing, by stage and reason", [
      { name: "stage", head: true, get: (r) => vp.words(r.stage) }, { name: "reason", get: (r) => vp.words(r.reason) },
      ...vp.compare.heads(found).map((name, n) => ({ name, number: true, get: (r) => cell(r, SIDES[n]) }))], found.failures, { class: "pivot" })];
  };
})();
