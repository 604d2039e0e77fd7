"use strict";
/* The sections of the report about the whole run: overview, scores, pairs, agreement, books, run. */
vp.sections = {};

const tile = (number, name, ...more) => vp.el("li", null,
  vp.el("span", { class: "big" }, number), vp.el("span", { class: "name" }, name),
  more.length ? vp.el("span", { class: "more" }, more) : null);

const runName = (manifest) => (manifest.config || {}).name || manifest.run_id || "Run";

const annotatorWords = (list) => (list || []).map((a) => {
  const details = [a.kind !== a.annotator_id && a.kind,
    a.model && a.model !== a.annotator_id && a.model,
    vp.isNumber(a.temperature) && `temperature ${a.temperature}`,
    a.draws > 1 && `${a.draws} draws`].filter(Boolean);
  return details.length ? `${a.annotator_id} (${details.join(", ")})` : a.annotator_id;
});

vp.sections.overview = (box, { run, audit, index }) => {
  const m = run.manifest, tables = m.tables || {};
  document.title = `${runName(m)}: VideoPrefer report`;
  const funnel = [["prompts", "prompts"], ["videos", "clips"], ["frames", "frame sets"],
    ["annotations", "annotations"], ["comparisons", "comparisons"], ["scores", "scores"], ["preferences", "preferences"],
    ["human_ratings", "human ratings"], ["human_votes", "human votes"], ["failures", "failures"]]
    .filter(([name]) => vp.isNumber(tables[name]) && (tables[name] || ["prompts", "videos", "failures"].includes(name)));
  const facts = [["Annotators", annotatorWords(m.annotators).join(" · ")],
    ["Frames", m.frames && `${vp.plural(m.frames.count, "frame")} a clip, ${m.frames.policy}`],
    ["Rubrics", (m.rubrics || []).map((r) => `${r.name} v${r.version}`
      + (r.protocol && r.protocol !== "pointwise" ? ` (${r.protocol})` : "")).join(" · ")],
    ["Run", m.run_id]].filter(([, value]) => value);
  vp.add(box, [
    vp.el("p", { class: "eyebrow" }, "Preference dataset"),
    vp.el("h1", { id: "title" }, runName(m), " ", m.state ? vp.badge(m.state, m.state === "complete" ? "good" : "bad") : null),
    vp.simulatedBanner(run),
    vp.el("ul", { class: "tiles" }, funnel.map(([name, words]) => tile(vp.count(tables[name]), words)),
      tile(spendWords(m), "spent", allRuns(m).requests ? vp.plural(allRuns(m).requests, "request") : null)),
    vp.el("dl", { class: "facts" }, facts.map(([name, value]) =>
      vp.el("div", null, vp.el("dt", null, name), vp.el("dd", null, value)))),
    audit && audit.headlines.length ? vp.el("div", { class: "headlines" },
      audit.headlines.map((text) => vp.el("p", null, text))) : null]);
};

// what every run on the folder spent: one that was resumed bought only the rest
const allRuns = (m) => (m.spend || {}).all_runs || m.spend || {};

const spendWords = (m) => (m.spend ? vp.usd(allRuns(m).usd) : "–");

vp.sections.scores = (box, { run }) => {
  vp.add(box, [vp.heading("scores", "Scores")]);
  if (!run.distributions.length) return vp.add(box, [vp.note("No scores were written.")]);
  for (const dimension of vp.unique(run.distributions.map((p) => p.dimension))) {
    const panels = run.distributions.filter((p) => p.dimension === dimension);
    const means = run.generators.filter((g) => g.dimension === dimension);
    vp.add(box, [vp.el("h3", null, vp.words(dimension)),
      vp.el("div", { class: "panels" }, panels.map((panel) => vp.figure(
        [vp.el("strong", null, panel.source), " ", panel.simulated ? vp.badge(panel.kind === "raters" ? "simulated" : "simulated clips", "sim") : null, vp.el("br"),
          `n = ${vp.count(panel.n)}, mean ${vp.fixed(panel.mean)}`], vp.histogram(panel)))),
      means.length ? vp.figure(
        `Mean consensus score of each generator on ${vp.words(dimension)}, 95 % interval over prompts`
        + ` (n = ${vp.span(means.map((g) => g.n_prompts))} prompts each)${vp.simulatedWords(run, "clips")}.`,
        vp.estimates(`Generators on ${dimension}`, [...means].sort((a, b) => b.value - a.value)
          .map((g) => ({ ...g, label: g.generator })), {})) : null]);
  }
  return vp.note();
};

vp.sections.preferences = (box, { run }) => {
  vp.add(box, [vp.heading("preferences", "Preferences")]);
  if (!run.preferences.length) return vp.add(box, [vp.note("No pairs were written.")]);
  const splits = vp.unique(["train", "validation", "test"].filter((s) => run.preferences.some((p) => p.split === s)));
  const rows = vp.unique(run.preferences.map((p) => p.dimension)).map((dimension) => {
    const of = (split) => run.preferences.filter((p) => p.dimension === dimension && (!split || p.split === split));
    const sum = (split, field) => of(split).reduce((total, p) => total + p[field], 0);
    return { dimension, sum };
  });
  const compared = run.preferences.some((p) => p.compared);
  return vp.add(box, [
    vp.el("p", { class: "lead" }, "All pairs of clips within a prompt. Equal scores are ties and are kept as ties;"
      + ` no prompt stands in two splits.${compared ? " A pair rests on scores of each clip on its own, or on comparisons of the two." : ""}`),
    vp.table(`Pairs and ties per dimension and split${vp.simulatedWords(run, "clips")}`, [
      { name: "Dimension", head: true, get: (r) => vp.words(r.dimension) },
      { name: "pairs", number: true, get: (r) => vp.count(r.sum("", "pairs")) },
      { name: "decided", number: true, get: (r) => vp.count(r.sum("", "pairs") - r.sum("", "ties")) },
      { name: "ties", number: true, get: (r) => `${vp.count(r.sum("", "ties"))} (${vp.percent(r.sum("", "ties") / r.sum("", "pairs"))})` },
      ...(compared ? [{ name: "from comparisons", number: true, get: (r) => vp.count(r.sum("", "compared")) }] : []),
      ...splits.map((split) => ({ name: split, number: true, get: (r) => vp.count(r.sum(split, "pairs")) })),
    ], rows)]);
};

vp.sections.agreement = (box, { run, audit }) => {
  vp.add(box, [vp.heading("agreement", "Agreement with people")]);
  if (!audit) return vp.add(box, [vp.note("No human ratings were given, so no agreement was computed.")]);
  const words = vp.simulatedWords(run, "raters", "clips");
  vp.auditDimensions(audit).forEach((dimension) => {
    const rows = vp.auditRows(audit, dimension, true);
    vp.add(box, [vp.el("h3", null, vp.words(dimension)), vp.accuracyPlot(rows, dimension),
      vp.agreementTable(rows, `Agreement on ${vp.words(dimension)}${words}, with intervals over prompts and n`)]);
  });
  return vp.add(box, [vp.el("p", null, vp.el("a", { href: "audit.html" }, "Every statistic, slice and rule: the audit page"))]);
};

const BOOK = ["owed", "written", "failed", "upstream", "filtered", "missing"];
const BOOK_WORDS = { upstream: "owed to a failure upstream" };

vp.sections.books = (box, { run }) => {
  const m = run.manifest, books = Object.entries(m.books || {});
  vp.add(box, [vp.heading("books", "Books, failures, spend"),
    books.length ? vp.table("What each stage owed and where it ended", [
      { name: "Stage", head: true, get: (b) => vp.words(b[0]) },
      ...BOOK.map((name) => ({ name: BOOK_WORDS[name] || name, number: true, get: (b) => vp.count(b[1][name]) })),
      { name: "balances", get: (b) => vp.badge(...(b[1].missing || b[1].unexpected ? ["no", "bad"] : ["yes", "good"])) },
    ], books) : vp.note("This run kept no books."), unbalanced(books), vp.checks(run), failures(run), spend(m)]);
};

/** The keys that a stage lost or wrote without owing them. */
const unbalanced = (books) => books.flatMap(([stage, book]) => ["missing", "unexpected"]
  .filter((kind) => (book[`${kind}_keys`] || []).length)
  .map((kind) => vp.el("p", { class: "notice" }, `${vp.words(stage)}, ${kind}: `,
    book[`${kind}_keys`].map((key, n) => [n ? ", " : "", vp.el("code", null, key)]))));

/** Counts of the run's record, with examples from the table of failures. */
const failures = (run) => {
  const recorded = Object.entries(run.manifest.failures || {}).flatMap(([stage, reasons]) =>
    Object.entries(reasons).map(([reason, count]) => ({ stage, reason, count })));
  const find = (r) => run.failures.find((f) => f.stage === r.stage && f.reason === r.reason);
  const rows = (recorded.length ? recorded : run.failures).map((r) => ({ ...r, examples: (find(r) || {}).examples || [] }));
  if (!rows.length) return vp.note("Nothing failed.");
  return vp.table("Failures by stage and reason, with examples", [
    { name: "Stage", head: true, get: (f) => f.stage },
    { name: "Reason", get: (f) => vp.el("code", { class: "reason" }, f.reason) },
    { name: "count", number: true, get: (f) => vp.count(f.count) },
    { name: "Examples", get: (f) => vp.el("ul", { class: "examples" }, f.examples.map((e) =>
      vp.el("li", null, vp.el("code", null, e.key), " ", e.message))) },
  ], rows.sort((a, b) => b.count - a.count));
};

const spend = (m) => {
  const s = m.spend || {};
  const entries = Object.entries(s.by_annotator || {}).map(([name, value]) =>
    ({ name, ...(value !== null && typeof value === "object" ? value : { usd: value }) }));
  const total = (name, t) => ({ name, usd: t.usd, requests: t.requests, input_tokens: t.input_tokens, output_tokens: t.output_tokens });
  if (!m.spend) return null;
  return vp.table("What this run spent (replies that were already paid for cost nothing again)", [
    { name: "Annotator", head: true, get: (r) => r.name },
    { name: "USD", number: true, get: (r) => vp.usd(r.usd) },
    { name: "requests", number: true, get: (r) => vp.count(r.requests) },
    { name: "input tokens", number: true, get: (r) => vp.count(r.input_tokens) },
    { name: "output tokens", number: true, get: (r) => vp.count(r.output_tokens) },
  ], [...entries, total("this run", s), ...(s.all_runs ? [total("all runs on this folder", s.all_runs)] : [])]);
};

vp.sections.run = (box, { run }) => {
  const m = run.manifest;
  const json = (title, value) => value && Object.keys(value).length ? vp.el("details", null,
    vp.el("summary", null, title), vp.el("pre", { tabindex: "0" }, JSON.stringify(value, null, 2))) : null;
  const rubrics = (m.rubrics || []).length ? vp.table("Rubrics", [
    { name: "Name", head: true, get: (r) => r.name },
    { name: "version", number: true, get: (r) => r.version },
    { name: "protocol", get: (r) => r.protocol || "pointwise" },
    { name: "SHA-256", get: (r) => vp.el("code", { class: "hash" }, r.sha256) }], m.rubrics) : null;
  vp.add(box, [vp.heading("run", "This run"), rubrics, json("Configuration", m.config), json("Versions", m.versions)]);
};
