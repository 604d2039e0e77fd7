"use strict";
/* VideoRM's page: whether the temporal model is worth it, and where it fails. */
(() => {
  const VERDICTS = { better: ["better than its control", "good"], worse: ["worse than its control", "bad"], open: ["no difference shown", ""],
    few: ["too few prompts", ""], unknown: ["not measured", ""] };

  const finding = ({ verdict, headline, more }) => [
    vp.el("p", null, vp.badge(...(VERDICTS[verdict] || VERDICTS.unknown)), " ", vp.unbroken(headline)),
    more.length ? vp.el("ul", { class: "support" }, more.map((text) => vp.el("li", null, vp.unbroken(text)))) : null];

  const findings = (metrics) => ((metrics.findings || []).length
    ? vp.el("div", { class: "headlines" }, metrics.findings.map(finding)) : null);

  const TAUGHT = { machine: "this run's preferences", human: "what this run's people said", both: "this run's preferences and what its people said" };

  const lead = (metrics) => vp.el("p", { class: "lead" }, `The reward model trained on ${TAUGHT[metrics.labels] || TAUGHT.machine}, on prompts it has not seen,`
    + " beside models of equal size without one or both of its temporal parts, and what needs no training. Intervals are of 95 %, from resampling"
    + ` prompts: of one training${vp.isNumber(metrics.seed) ? ` (seed ${metrics.seed})` : ""}, so they do not say how another seed would turn out.`);

  const draw = ({ videorm: metrics }) => {
    if (!metrics) return [vp.begin("VideoRM"), vp.el("p", { class: "notice" }, "No reward model was trained in this run. A videorm: block in the configuration trains one.")];
    const sections = [
      vp.section("accuracy", "Accuracy", vp.rm.accuracy(metrics)),
      vp.section("differences", "Paired differences", vp.rm.differences(metrics), vp.rm.differenceTable(metrics), vp.rm.ties(metrics), vp.rm.slices(metrics)),
      vp.section("pairs", "Most wrong", vp.rm.worstPairs(metrics)),
      vp.section("picks", "Best of n", vp.rm.picks(metrics)),
      vp.section("calibration", "Calibration", vp.rm.calibration(metrics)),
      vp.section("probes", "Probes", vp.rm.probes(metrics)),
      vp.section("training", "Training", vp.rm.training(metrics)),
      vp.section("models", "The models", vp.rm.models(metrics))].filter(Boolean);
    return [vp.begin("VideoRM"), findings(metrics), lead(metrics), vp.contents(sections), sections];
  };

  vp.start();
  vp.add(document.getElementById("content"), draw(vp.data));
})();
