"use strict";
/* Two runs side by side: what another judge, another rubric or another date changed. */
(() => {
  const findings = (found) => vp.el("div", { class: "headlines" }, found.findings.length ? found.findings.map((text) => vp.el("p", null, vp.unbroken(text)))
    : vp.el("p", null, "Nothing changed."));

  const reading = (found) => [vp.el("ul", { class: "prose" }, [
    `Intervals are ${vp.count(100 * found.resampling.level)} % percentile intervals of ${vp.count(found.resampling.resamples)} resamples of whole prompts: clips and pairs of one prompt are not independent.`,
    "Where every resample gives the same number, as with no flip at all, no interval is stated: that nothing was seen does not make it certain.",
    "A change is paired: both runs are drawn with the same prompts and counted on the same pairs or clips, so its interval is narrower than that of two numbers apart.",
    "Pairs are matched by their id, which two clips and a dimension have whichever of them is called first.",
    "Everything is about what the two have in common, but the tables that say what each run is, cost and lacks.",
    "No number tells which run is right but those held against people.",
  ].map((text) => vp.el("li", null, text)))];

  vp.start();
  const found = vp.data.compare;
  const sections = [
    vp.section("runs", "The two runs", vp.compare.runs(found)),
    vp.section("labels", "Labels", vp.compare.labels(found)),
    vp.section("generators", "Generators", vp.compare.generators(found)),
    vp.section("people", "Agreement with people", vp.compare.people(found)),
    vp.section("scores", "Scores", vp.compare.scores(found)),
    vp.section("cost", "Cost", vp.compare.cost(found)),
    vp.section("health", "The judges’ health", vp.compare.health(found)),
    vp.section("failures", "Failures", vp.compare.failures(found)),
    vp.section("flips", "Flips to look at first", vp.compare.flips(found)),
    vp.section("reading", "How to read this", reading(found))].filter(Boolean);
  vp.add(document.getElementById("content"), [vp.begin("Two runs side by side"), findings(found), vp.contents(sections), sections]);
})();
