"use strict";
/* What failed, why, what that means, and what can be done about it. */
(() => {
  const link = (address, ...words) => vp.el("a", { href: `index.html#${new URLSearchParams(address)}` }, words);

  const SHARES = "shares of what the stage owed", COUNTS = "counts";

  /** Counts of the run's record, with examples from the table of failures. */
  const rowsOf = (run) => {
    const recorded = Object.entries(run.manifest.failures || {}).flatMap(([stage, reasons]) =>
      Object.entries(reasons).map(([reason, count]) => ({ stage, reason, count })));
    const find = (r) => run.failures.find((f) => f.stage === r.stage && f.reason === r.reason);
    const rows = (recorded.length ? recorded : run.failures).map((r) => ({ ...r, examples: (find(r) || {}).examples || [],
      owed: ((run.manifest.books || {})[r.stage] || {}).owed }));
    return rows.sort((a, b) => b.count - a.count || (a.stage < b.stage ? -1 : 1));
  };

  /** Bars of one scale: shares of what each stage owed; counts where no book says what that was. */
  const bars = (rows, shared) => vp.chart(`Failures by stage and reason, as ${shared}`, (width) => {
    const narrow = width < 560, row = narrow ? 44 : 30, left = narrow ? 0 : 250, right = width - (narrow ? 0 : 190);
    const shares = rows.map((r) => (shared === COUNTS ? r.count : r.owed ? r.count / r.owed : 0)), most = Math.max(...shares, 1e-9);
    const { defs, fill } = vp.pattern("failed");
    return vp.canvas(width, rows.length * row + 2, defs, rows.map((r, n) => {
      const y = n * row + 2, name = `${vp.words(r.stage)}: ${vp.words(r.reason)}`;
      const value = r.owed ? `${vp.count(r.count)} of ${vp.count(r.owed)}, ${vp.percent(r.count / r.owed)}` : vp.count(r.count);
      const bar = vp.svg("rect", { class: "flow failed", x: left, y: narrow ? y + 20 : y + 4, height: 15, rx: 1.5, fill,
        width: Math.max(2, ((right - left) * shares[n]) / most) });
      return vp.svg("g", null, bar, ...(narrow
        ? [vp.text(0, y + 14, name), vp.text(width, y + 14, value, { "text-anchor": "end", class: "value" })]
        : [vp.text(left - 10, y + 16, name, { "text-anchor": "end" }),
          vp.text(left + ((right - left) * shares[n]) / most + 10, y + 16, value, { class: "value" })]));
    }));
  });

  const example = (e) => vp.el("li", null, vp.el("code", null, e.key), " ", e.message, e.prompt ? [" ", link({ prompt: e.prompt }, "open")] : null);

  /** What was paid for it, over all judges; where a reason stands in several stages nobody can tell of one. */
  const paid = (f, rows, money) => {
    const parts = ((money || {}).total || { parts: [] }).parts.filter((part) => part.reason === f.reason);
    const cost = parts.reduce((sum, part) => sum + (part.usd || 0), 0);
    if (rows.filter((r) => r.reason === f.reason).length > 1 || !["annotate", "compare"].includes(f.stage)) return null;
    return parts.some((part) => !vp.isNumber(part.usd)) ? " · paid for it: unknown" : cost > 0 ? ` · ${vp.dollars(cost)} paid for it` : null;
  };

  /** How a failure is taken up again: a merged dataset is no run, so where its rows come from. */
  const again = (f, said, merged) => (!said.retry ? "A retry changes nothing: it is no error."
    : [merged ? "Taken up again in the run that it came from, which is then merged anew: " : "Taken up again by ", vp.el("code", null, `videoprefer retry DIR --reason ${f.reason}`)]);

  const row = (f, said, cost, merged) => vp.el("article", { class: "why-failed" },
    vp.el("h3", null, vp.el("code", null, f.reason), " ", vp.el("span", { class: "muted" }, `in ${vp.words(f.stage)}`)),
    vp.el("p", { class: "count" }, vp.el("strong", null, vp.count(f.count)), f.owed ? ` of ${vp.plural(f.owed, vp.stageUnit(f.stage))} owed (${vp.percent(f.count / f.owed)})` : "", cost,
      " · ", link({ reason: `${f.stage}.${f.reason}` }, "see all")),
    said ? vp.el("p", null, `${said.meaning[0].toUpperCase()}${said.meaning.slice(1)}. `, vp.el("span", { class: "muted" }, `To do: ${said.action}.`)) : null,
    said ? vp.el("p", { class: "muted retry" }, again(f, said, merged)) : null,
    f.examples.length ? vp.el("ul", { class: "examples" }, f.examples.map(example)) : null);

  vp.failures = ({ run, books }) => {
    const rows = rowsOf(run), reasons = (books || {}).reasons || {};
    if (!rows.length) return [vp.note("Nothing failed.")];
    const total = rows.reduce((sum, r) => sum + r.count, 0), harmless = rows.filter((r) => reasons[r.reason] && !reasons[r.reason].retry);
    const calm = harmless.reduce((sum, r) => sum + r.count, 0);
    const shared = rows.some((r) => r.owed) ? SHARES : COUNTS, merged = vp.isMerge(Object.keys(run.manifest.books || {}));
    return [vp.el("p", { class: "lead" }, `${vp.plural(total, "row")} of what was owed ${total === 1 ? "is a failure" : "are failures"} with a reason.`
        + (calm === total ? " None of them is an error." : calm ? ` ${vp.count(calm)} of them are no errors.` : "")),
      vp.el("figure", null, bars(rows, shared), vp.el("figcaption", null, `Failures by stage and reason, as ${shared}; one scale for all.`)),
      vp.el("div", { class: "reasons" }, rows.map((f) => row(f, reasons[f.reason], paid(f, rows, (books || {}).money), merged)))];
  };
})();
