"use strict";
/* The scores and pairs of the whole run, and what people say of them. */
(() => {
const agreement = ({ run, audit }) => {
  if (!audit) return vp.note("No human ratings were given, so no agreement was computed.");
  const words = vp.simulatedWords(run, "raters", "clips");
  return [vp.auditDimensions(audit).map((dimension) => {
    const rows = vp.auditRows(audit, dimension, true);
    return [vp.el("h3", null, vp.words(dimension)), vp.accuracyPlot(rows, dimension),
      vp.el("details", null, vp.el("summary", null, "Correlations, ties and exact agreement, with intervals and n"),
        vp.agreementTable(rows, `Agreement on ${vp.words(dimension)}${words}, with intervals over prompts and n`))];
  }), vp.el("p", null, vp.el("a", { href: "audit.html" }, "Every statistic, slice and rule: the audit page"))];
};

vp.start();
const { data } = vp;
const sections = [vp.section("scores", "Scores", vp.scores(data)), vp.section("preferences", "Pairs", vp.preferences(data)),
  vp.section("checks", "Clip checks", vp.checks(data.run)), vp.section("agreement", "Agreement with people", agreement(data))].filter(Boolean);
vp.add(document.getElementById("content"), [vp.begin("Scores and pairs"), vp.contents(sections), sections]);
})();
