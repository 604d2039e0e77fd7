"use strict";
/* The audit page: how far the annotators can be trusted, against people. */
(() => {
  const section = (id, title, content) => {
    const drawn = [content].flat(Infinity).filter(Boolean);
    return drawn.length ? vp.el("section", { id, "aria-labelledby": `${id}-title` }, vp.heading(id, title), drawn) : null;
  };

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
    return section(`dimension-${n}`, vp.words(name), [vp.accuracyPlot(of.whole, name), vp.audit.headline(of),
      vp.audit.alternative(audit, of), vp.audit.everything(of), vp.audit.slices(of), vp.audit.calibration(of),
      vp.audit.confusion(of), vp.audit.leaderboard(of), vp.audit.positions(of), vp.audit.disagreements(audit, name, of.annotators, words)]);
  };

  const navigation = (page, sections) => vp.add(document.getElementById("nav"), [
    page.report ? vp.el("a", { href: "index.html" }, "Report") : null,
    sections.map((box) => vp.el("a", { href: `#${box.id}` }, box.querySelector("h2").textContent))]);

  /** Marks in the navigation what is being read. */
  const follow = (sections) => {
    const current = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) =>
      document.querySelectorAll("#nav a").forEach((link) => {
        if (link.getAttribute("href") === `#${entry.target.id}`) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      })), { rootMargin: "-20% 0px -75% 0px" });
    sections.forEach((box) => current.observe(box));
  };

  const draw = ({ page, audit }) => {
    const words = vp.simulatedWords(page, "raters", "clips"), content = document.getElementById("content");
    vp.add(content, [vp.el("p", { class: "eyebrow" }, "Audit against people"),
      vp.el("h1", null, "How far the annotations can be trusted"), vp.simulatedBanner(page)]);
    if (!audit) {
      navigation(page, []);
      return vp.add(content, [vp.el("p", { class: "notice" },
        "No human ratings were given, so there is nothing to hold the annotators against. Name them under"
        + " audit: ratings: in the configuration.")]);
    }
    const sections = [
      ...vp.auditDimensions(audit).map((name, n) => dimension(audit, name, n, words)),
      section("jury", "The judges together", vp.juryTable(audit, words)),
      section("missing", "Missing verdicts", vp.audit.missing(audit, words)),
      section("raters", "The raters", vp.audit.raters(audit, words)),
      section("reading", "How to read this", vp.audit.howToRead(audit))].filter(Boolean);
    vp.add(content, [findings(audit), unmet(audit), vp.audit.header(audit), sections]);
    navigation(page, sections);
    return follow(sections);
  };

  // what is folded away is printed, too
  window.addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((box) => {
    box.open = true;
    box.dataset.folded = "true";
  }));
  window.addEventListener("afterprint", () => document.querySelectorAll("details[data-folded]").forEach((box) => {
    box.open = false;
    delete box.dataset.folded;
  }));

  vp.start();
  draw(vp.data);
})();
