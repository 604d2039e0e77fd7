"use strict";
/* What was compared and by which rules, and how to read the page. */
(() => {
  const list = (items) => vp.el("ul", { class: "prose" }, items.map((item) => vp.el("li", null, item)));

  const plain = (value) => (Array.isArray(value) ? value.map(plain).join(", ")
    : value !== null && typeof value === "object" ? Object.entries(value).map(([name, one]) => `${name}: ${plain(one)}`).join("; ") : String(value));

  const footage = (scope) => {
    const unnamed = (scope.generators || []).filter((name) => name === "unknown").length;
    if (unnamed && scope.generators.length === 1) return "clips whose generators are not named, so whether real footage is among them is not known";
    if ((scope.left_out_generators || []).includes("real")) return "generated clips only; real footage is left out";
    if ((scope.generators || []).includes("real")) return "generated clips and real footage; the slice “other than real” is without it";
    return scope.generators ? "generated clips; no generator is called “real”" : null;
  };

  const resampling = (scope) => (vp.isNumber(scope.resamples) ? `${vp.percent(scope.level ?? 0.95, 0)} percentile intervals, ${vp.count(scope.resamples)} resamples of whole`
    + ` ${scope.resampling_unit || "prompt"}s, seed ${scope.seed}` : null);

  const counts = (scope) => [["n_prompts", "prompts"], ["n_clips", "clips"], ["n_ratings", "ratings"], ["n_votes", "votes"], ["n_raters", "raters"]]
    .filter(([name]) => vp.isNumber(scope[name]) && scope[name] > 0)
    .map(([name, words]) => [vp.count(scope[name]), scope[name] === 1 ? words.slice(0, -1) : words]);

  const RULES = {
    target: ["Human target", "mean of all raters; where one is left out, mean of the others, for annotator and rater alike"],
    tie_rule: ["Ties", "a difference of at most 1e-9; pairs that the raters tie have no right answer; what a tie of the annotator counts stands in the name"],
    threshold: ["Tie threshold", "only where the name says “better, worse, tie”: fitted on one half of the prompts, reported on the other"],
    grouping: ["Grouping", "pairs are two clips of one prompt, pooled over prompts; ranks within a prompt are averaged over prompts"],
  };

  /** Scope, target, rules, resampling and versions, as the page begins. */
  vp.audit.header = (audit) => {
    const scope = audit.scope || {}, versions = scope.versions;
    const rules = Object.entries(RULES).map(([name, [title, words]]) => [title, typeof scope[name] === "string" ? scope[name] : words]);
    const facts = [["Scope", footage(scope)], ...rules, ["Intervals", resampling(scope)],
      ["Alternative annotator test", vp.isNumber(scope.alt_test_epsilon) && (audit.rows || []).some((row) => row.statistic.startsWith("alt_test")) && `ε = ${scope.alt_test_epsilon}, the advantage that people are given`],
      ["Versions", versions && plain(versions)]].filter(([, value]) => value);
    const tiles = counts(scope);
    return [tiles.length ? vp.el("ul", { class: "tiles" }, tiles.map(([number, name]) =>
      vp.el("li", null, vp.el("span", { class: "big" }, number), vp.el("span", { class: "name" }, name)))) : null,
    vp.el("dl", { class: "facts rules" }, facts.map(([name, value]) => vp.el("div", null, vp.el("dt", null, name), vp.el("dd", null, value))))];
  };

  const HIDDEN = ["statistics", "leave_one_out", "versions"];
  const scopeTable = (scope) => {
    const entries = Object.entries(scope || {}).filter(([name, value]) => !HIDDEN.includes(name) && !(Array.isArray(value) && !value.length));
    return entries.length ? vp.table("What was compared",
      [{ name: "Setting", head: true, get: (e) => vp.words(e[0]) }, { name: "Value", get: (e) => plain(e[1]) }], entries) : null;
  };

  const glossary = (audit) => {
    const meaning = (audit.scope || {}).statistics || {};
    const names = vp.statisticsOf(audit.rows).filter((name) => meaning[name]);
    return names.length ? vp.el("details", { class: "glossary" }, vp.el("summary", null, "What each statistic means"),
      vp.el("dl", { class: "terms" }, names.map((name) =>
        [vp.el("dt", null, vp.statisticName(name), vp.el("code", { class: "line" }, name)), vp.el("dd", null, meaning[name])]))) : null;
  };

  const UNDEFINED = /prompts? (is|are) undefined/; // one note for each statistic, annotator and dimension

  const notes = (all) => {
    const [few, many] = [all.filter((note) => !UNDEFINED.test(note)), all.filter((note) => UNDEFINED.test(note))];
    return all.length ? [vp.el("h3", null, "Notes of this audit"), few.length ? list(few) : null,
      many.length ? vp.el("details", null, vp.el("summary", null, `Prompts that are left out as undefined (${vp.plural(many.length, "note")})`), list(many)) : null] : null;
  };

  vp.audit.howToRead = (audit) => [
    list([
      "A pair is two clips of one prompt. Pairs that the raters' mean ties have no right answer and are left"
        + " out of pair accuracy. What a tie of the annotator counts stands in the name of the statistic, and"
        + " its tie share stands beside it.",
      "Intervals come from resampling whole prompts: the clips and pairs of one prompt depend on each other."
        + " “No interval” stands where there is one prompt, or where most resamples leave the number undefined.",
      "The human ceiling is one rater held against the mean of the others. Only statistics with one rater left"
        + " out may be compared with it. An annotator may pass it: it can be less noisy than one person.",
      "Chance never ties and guesses; all ties calls every pair a tie. Neither is estimated from anybody's judgement.",
      "Where ties count, an annotator that says nothing but ties reaches the raters' tie share: read it beside that.",
      "The nearest of several annotators looks better than it is, for it was chosen by the very numbers it is shown with.",
      "A slice differs where its adjusted p is below 5 %. Many slices are looked at: without the adjustment some would differ by luck.",
      "n counts clips, or pairs of clips for statistics of pairs; with one rater left out, each pair once for"
        + " each rater left out. A statistic that cannot be computed is undefined, never zero, and says why.",
    ]),
    notes(audit.notes || []),
    scopeTable(audit.scope), glossary(audit)];
})();
