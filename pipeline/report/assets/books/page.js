"use strict";
/* What went in and came out of every stage, what failed and why, what was paid, and how the judges did. */
(() => {
const BOOK = ["owed", "written", "failed", "upstream", "filtered", "missing"];
const BOOK_WORDS = { upstream: "owed to a failure upstream" };

const stages = (m) => {
  const books = Object.entries(m.books || {});
  return [books.length ? vp.table("What each stage owed and where it ended", [
    { name: "Stage", head: true, get: (b) => vp.words(b[0]) },
    ...BOOK.map((name) => ({ name: BOOK_WORDS[name] || name, number: true, get: (b) => vp.count(b[1][name]) })),
    { name: "balances", get: (b) => vp.badge(...(b[1].missing || b[1].unexpected ? ["no", "bad"] : ["yes", "good"])) },
  ], books) : vp.note("This run kept no books."), unbalanced(books)];
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

const asRun = (m) => {
  const json = (title, value) => value && Object.keys(value).length ? vp.el("details", null,
    vp.el("summary", null, title), vp.el("pre", { tabindex: "0" }, JSON.stringify(value, null, 2))) : null;
  const rubrics = (m.rubrics || []).length ? vp.table("Rubrics", [
    { name: "Name", head: true, get: (r) => r.name },
    { name: "version", number: true, get: (r) => r.version },
    { name: "protocol", get: (r) => r.protocol || "pointwise" },
    { name: "SHA-256", get: (r) => vp.el("code", { class: "hash" }, r.sha256) }], m.rubrics) : null;
  return [rubrics, json("Configuration", m.config), json("Versions", m.versions)];
};

vp.start();
const { run } = vp.data, m = run.manifest;
const sections = [vp.section("books", "Books", stages(m), vp.checks(run)), vp.section("failures", "Failures", failures(run)),
  vp.section("money", "Money", spend(m)), vp.section("judges", "Judges", vp.judgesHealth(vp.data)), vp.section("run", "This run", asRun(m))].filter(Boolean);
vp.add(document.getElementById("content"), [vp.begin("Books, money, health"), vp.contents(sections), sections]);
})();
