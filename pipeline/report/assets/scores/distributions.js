"use strict";
/* Scores of the whole run: who gives which, and what the generators get. */
vp.scores = ({ run }) => {
  if (!run.distributions.length) return [vp.note("No scores were written.")];
  const panel = (p) => vp.figure(
    [vp.el("strong", null, p.source), " ", p.simulated ? vp.badge(p.kind === "raters" ? "simulated" : "simulated clips", "sim") : null, vp.el("br"),
      `n = ${vp.count(p.n)}, mean ${vp.interval({ value: p.mean, low: p.low, high: p.high })}`], vp.histogram(p));
  const dimensions = vp.unique([...run.generators, ...run.distributions].map((p) => p.dimension));
  return [vp.el("p", { class: "lead" }, "Every judge's scores as it gave them; people's are hatched. Before them, what each generator gets on average: the mean of the judges that"
      + " scored a clip, a prompt counting once. Intervals are 95 % over prompts."),
    dimensions.map((dimension) => {
      const panels = run.distributions.filter((p) => p.dimension === dimension);
      const means = run.generators.filter((g) => g.dimension === dimension).sort((a, b) => b.value - a.value);
      return [vp.el("h3", null, vp.words(dimension)),
        means.length ? vp.figure(
          `Mean consensus score of each generator on ${vp.words(dimension)}, 95 % interval over prompts`
          + ` (n = ${vp.span(means.map((g) => g.n_prompts))} prompts, ${vp.span(means.map((g) => g.n_clips))} clips each)${vp.simulatedWords(run, "clips")}.`,
          vp.estimates(`Generators on ${dimension}`, means.map((g) => ({ ...g, label: g.generator })), {})) : null,
        panels.length ? vp.el("div", { class: "panels" }, panels.map(panel)) : null];
    })];
};
