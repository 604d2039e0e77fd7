"use strict";
/* The audit page: how far the annotators can be trusted, against people. */
(() => {
  /** A share, its sign and its interval are not torn apart at the end of a line. */
  const unbroken = (text) => text.replace(/[\d.]+ %(?: \[[\d.]+, [\d.]+\])?/g, (share) => share.replace(/ /g, "\u00a0"));

  const findings = (audit) => {
    const found = audit.findings || (audit.headlines || []).map((headline) => ({ headline, more: [] }));
    return found.length ? vp.el("div", { class: "headlines" }, found.map(({ headline, more }) =>
      [vp.el("p", null, unbroken(headline)), more.length ? vp.el("ul", { class: "support" }, more.map((text) => vp.el("li", null, unbroken(text)))) : null]))
      : vp.el("p", { class: "notice" }, "No annotator could be held against people on pairs of clips.");
  };

  const unmet = (audit) => ((audit.unmet || []).length ? vp.el("div", { class: "findings unmet" }, vp.el("strong", null, "Required, and not met"),
    vp.el("ul", null, audit.unmet.map((text) => vp.el("li", null, text)))) : null);

  const dimension = (audit, name, n, words) => {
    const of = vp.audit.of(audit, name, words);
    return vp.section(`dimension-${n}`, vp.words(name), [vp.accuracyPlot(of.whole, name), vp.audit.headline(of),
      vp.audit.alternative(audit, of), vp.audit.everything(of), vp.audit.slices(of), vp.audit.calibration(of),
      vp.audit.confusion(of), vp.audit.leaderboard(of), vp.audit.positions(of), vp.audit.disagreements(audit, name, of.annotators, words)]);
  };

  const draw = ({ pages, audit }) => {
    const words = vp.simulatedWords(pages, "raters", "clips"), content = document.getElementById("content");
    vp.add(content, vp.begin("How far the annotations can be trusted"));
    if (!audit) {
      return vp.add(content, [vp.el("p", { class: "notice" },
        "No human ratings were given, so there is nothing to hold the annotators against. Name them under"
        + " audit: ratings: in the configuration.")]);
    }
    const sections = [
      ...vp.auditDimensions(audit).map((name, n) => dimension(audit, name, n, words)),
      vp.section("jury", "The judges together", vp.juryTable(audit, words)),
      vp.section("missing", "Missing verdicts", vp.audit.missing(audit, words)),
      vp.section("raters", "The raters", vp.audit.raters(audit, words)),
      vp.section("reading", "How to read this", vp.audit.howToRead(audit))].filter(Boolean);
    return vp.add(content, [findings(audit), unmet(audit), vp.contents(sections), vp.audit.header(audit), sections]);
  };

  vp.start();
  draw(vp.data);
})();
