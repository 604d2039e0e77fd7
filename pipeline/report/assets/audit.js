"use strict";
/* The audit page: how far the annotators can be trusted, against people. */
(() => {
  const list = (items) => vp.el("ul", { class: "prose" }, items.map((item) => vp.el("li", null, item)));

  const howToRead = (audit) => vp.el("section", null,
    vp.el("h2", null, "How to read this"),
    list([
      "A pair is two clips of one prompt. Pairs that the raters' mean ties have no right answer and are left"
        + " out of pair accuracy. What a tie of the annotator counts stands in the name of the statistic, and"
        + " its tie share stands beside it.",
      "Intervals come from resampling whole prompts: the clips and pairs of one prompt depend on each other.",
      "The human ceiling is one rater held against the mean of the others. Only statistics with one rater left"
        + " out may be compared with it. An annotator may pass it: it can be less noisy than one person.",
      "Chance never ties and guesses; all ties calls every pair a tie.",
      "n counts clips, or pairs of clips for statistics of pairs; with one rater left out, each pair once for"
        + " each rater left out. A statistic that cannot be computed is undefined, never zero.",
    ]),
    (audit.notes || []).length ? [vp.el("h3", null, "Notes of this audit"), list(audit.notes)] : null,
    scope(audit.scope));

  const plain = (value) => (Array.isArray(value) ? value.join(", ")
    : value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));

  const scope = (value) => {
    const entries = Object.entries(value || {}).filter(([name]) => !["statistics", "leave_one_out"].includes(name));
    return entries.length ? vp.table("What was compared",
      [{ name: "Setting", head: true, get: (e) => vp.words(e[0]) }, { name: "Value", get: (e) => plain(e[1]) }],
      entries) : null;
  };

  const glossary = (audit) => {
    const meaning = (audit.scope || {}).statistics || {};
    const names = vp.unique(audit.rows.map((row) => row.statistic)).filter((name) => meaning[name]);
    return names.length ? vp.el("details", { class: "glossary" }, vp.el("summary", null, "What each statistic means"),
      vp.el("dl", { class: "terms" }, names.map((name) =>
        [vp.el("dt", null, vp.statisticName(name)), vp.el("dd", null, meaning[name])]))) : null;
  };

  const dimension = (audit, name, words) => {
    const slices = vp.auditRows(audit, name, false);
    return vp.el("section", null, vp.el("h2", null, vp.words(name)),
      vp.accuracyPlot(vp.auditRows(audit, name, true), name),
      vp.auditTable(vp.auditRows(audit, name, true), `All statistics on ${vp.words(name)}${words}`),
      slices.length ? vp.el("details", null, vp.el("summary", null, "By slice"), vp.sliceTables(slices, words)) : null);
  };

  const draw = ({ run, audit }) => {
    const words = vp.simulatedWords(run, "raters", "clips"), content = document.getElementById("content");
    vp.add(content, [vp.el("p", { class: "eyebrow" }, "Audit against people"),
      vp.el("h1", null, "How far the annotators can be trusted"), vp.simulatedBanner(run)]);
    if (!audit) {
      return vp.add(content, [vp.el("p", { class: "notice" },
        "No human ratings were given, so there is nothing to hold the annotators against. Name them under"
        + " audit: ratings: in the configuration.")]);
    }
    const raters = vp.ratersTable(audit, words), jury = vp.juryTable(audit, words);
    return vp.add(content, [
      vp.el("div", { class: "headlines" }, audit.headlines.map((text) => vp.el("p", null, text))),
      vp.auditDimensions(audit).map((name) => dimension(audit, name, words)),
      jury && vp.el("section", null, vp.el("h2", null, "The judges together"), jury),
      raters && vp.el("section", null, vp.el("h2", null, "The raters"), raters),
      howToRead(audit), glossary(audit)]);
  };

  vp.start();
  draw(vp.data);
})();
