"use strict";
/* The scores and pairs of the whole run, and what people say of them. */
(() => {
const scores = ({ run }) => {
  if (!run.distributions.length) return vp.note("No scores were written.");
  return vp.unique(run.distributions.map((p) => p.dimension)).map((dimension) => {
    const panels = run.distributions.filter((p) => p.dimension === dimension);
    const means = run.generators.filter((g) => g.dimension === dimension);
    return [vp.el("h3", null, vp.words(dimension)),
      vp.el("div", { class: "panels" }, panels.map((panel) => vp.figure(
        [vp.el("strong", null, panel.source), " ", panel.simulated ? vp.badge(panel.kind === "raters" ? "simulated" : "simulated clips", "sim") : null, vp.el("br"),
          `n = ${vp.count(panel.n)}, mean ${vp.fixed(panel.mean)}`], vp.histogram(panel)))),
      means.length ? vp.figure(
        `Mean consensus score of each generator on ${vp.words(dimension)}, 95 % interval over prompts`
        + ` (n = ${vp.span(means.map((g) => g.n_prompts))} prompts each)${vp.simulatedWords(run, "clips")}.`,
        vp.estimates(`Generators on ${dimension}`, [...means].sort((a, b) => b.value - a.value)
          .map((g) => ({ ...g, label: g.generator })), {})) : null];
  });
};

const preferences = ({ run }) => {
  if (!run.preferences.length) return vp.note("No pairs were written.");
  const splits = vp.unique(["train", "validation", "test"].filter((s) => run.preferences.some((p) => p.split === s)));
  const rows = vp.unique(run.preferences.map((p) => p.dimension)).map((dimension) => {
    const of = (split) => run.preferences.filter((p) => p.dimension === dimension && (!split || p.split === split));
    const sum = (split, field) => of(split).reduce((total, p) => total + p[field], 0);
    return { dimension, sum };
  });
  const compared = run.preferences.some((p) => p.compared);
  return [
    vp.el("p", { class: "lead" }, "All pairs of clips within a prompt. Equal scores are ties and are kept as ties;"
      + ` no prompt stands in two splits.${compared ? " A pair rests on scores of each clip on its own, or on comparisons of the two." : ""}`),
    vp.table(`Pairs and ties per dimension and split${vp.simulatedWords(run, "clips")}`, [
      { name: "Dimension", head: true, get: (r) => vp.words(r.dimension) },
      { name: "pairs", number: true, get: (r) => vp.count(r.sum("", "pairs")) },
      { name: "decided", number: true, get: (r) => vp.count(r.sum("", "pairs") - r.sum("", "ties")) },
      { name: "ties", number: true, get: (r) => `${vp.count(r.sum("", "ties"))} (${vp.percent(r.sum("", "ties") / r.sum("", "pairs"))})` },
      ...(compared ? [{ name: "from comparisons", number: true, get: (r) => vp.count(r.sum("", "compared")) }] : []),
      ...splits.map((split) => ({ name: split, number: true, get: (r) => vp.count(r.sum(split, "pairs")) })),
    ], rows)];
};

const agreement = ({ run, audit }) => {
  if (!audit) return vp.note("No human ratings were given, so no agreement was computed.");
  const words = vp.simulatedWords(run, "raters", "clips");
  return [vp.auditDimensions(audit).map((dimension) => {
    const rows = vp.auditRows(audit, dimension, true);
    return [vp.el("h3", null, vp.words(dimension)), vp.accuracyPlot(rows, dimension),
      vp.agreementTable(rows, `Agreement on ${vp.words(dimension)}${words}, with intervals over prompts and n`)];
  }), vp.el("p", null, vp.el("a", { href: "audit.html" }, "Every statistic, slice and rule: the audit page"))];
};

vp.start();
const sections = [vp.section("scores", "Scores", scores(vp.data)), vp.section("preferences", "Preferences", preferences(vp.data)),
  vp.section("agreement", "Agreement with people", agreement(vp.data))].filter(Boolean);
vp.add(document.getElementById("content"), [vp.begin("Scores and pairs"), vp.contents(sections), sections]);
})();
