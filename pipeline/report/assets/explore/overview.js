"use strict";
/* What was bought, and how far judges and people part, in as few lines as will do. */
(() => {
  const x = vp.explore;
  x.runName = (manifest) => (manifest.config || {}).name || manifest.run_id || "Run";

  const annotatorWords = (list) => (list || []).map((a) => {
    const details = [a.kind !== a.annotator_id && a.kind,
      a.model && a.model !== a.annotator_id && a.model,
      vp.isNumber(a.temperature) && `temperature ${a.temperature}`,
      a.draws > 1 && `${a.draws} draws`].filter(Boolean);
    return details.length ? `${a.annotator_id} (${details.join(", ")})` : a.annotator_id;
  });

  // what every run on the folder spent: one that was resumed bought only the rest
  const allRuns = (m) => (m.spend || {}).all_runs || m.spend || {};

  const tile = (number, name, more) => vp.el("li", null, vp.el("span", { class: "big" }, number), " ",
    vp.el("span", { class: "name" }, name), more ? vp.el("span", { class: "more" }, ` · ${more}`) : null);

  const tiles = (m) => {
    const tables = m.tables || {}, always = ["prompts", "videos", "failures"];
    const counted = [["prompts", "prompts"], ["videos", "clips"], ["annotations", "annotations"], ["comparisons", "comparisons"],
      ["preferences", "preferences"], ["human_ratings", "human ratings"], ["human_votes", "human votes"], ["failures", "failures"]]
      .filter(([name]) => vp.isNumber(tables[name]) && (tables[name] || always.includes(name)));
    return vp.el("ul", { class: "tally" }, counted.map(([name, words]) => tile(vp.count(tables[name]), words)),
      tile(m.spend ? vp.usd(allRuns(m).usd) : "–", "spent", allRuns(m).requests ? vp.plural(allRuns(m).requests, "request") : null));
  };

  /** A headline with its parenthesis cut down to what was counted; as it is where it has none. */
  x.shortened = (text) => text.replace(/ \(([^()]*)\)/, (whole, inner) => {
    const counted = inner.split("; ").find((part) => /^[\d,]+ pairs?\b/.test(part));
    return counted ? ` (n = ${counted})` : whole;
  }).replace(/[\d.]+ %(?: \[[\d.]+, [\d.]+\])?/g, (share) => share.replace(/ /g, "\u00a0"));

  const headlines = (audit) => {
    const all = (audit || {}).headlines || [];
    return all.length ? vp.el("div", { class: "headlines brief" }, all.map((text) => vp.el("p", null, x.shortened(text)))) : null;
  };

  const about = (m, audit) => {
    const facts = [["Annotators", annotatorWords(m.annotators).join(" · ")],
      ["Frames", m.frames && `${vp.plural(m.frames.count, "frame")} a clip, ${m.frames.policy}`],
      ["Rubrics", (m.rubrics || []).map((r) => `${r.name} v${r.version}`
        + (r.protocol && r.protocol !== "pointwise" ? ` (${r.protocol})` : "")).join(" · ")],
      ["Run", m.run_id]].filter(([, value]) => value);
    const whole = ((audit || {}).headlines || []).filter((text) => x.shortened(text).replace(/\u00a0/g, " ") !== text);
    return vp.el("details", { class: "about" }, vp.el("summary", null, "About this run"),
      vp.el("dl", { class: "facts" }, facts.map(([name, value]) => vp.el("div", null, vp.el("dt", null, name), vp.el("dd", null, value)))),
      whole.map((text) => vp.el("p", { class: "muted" }, text)));
  };

  x.overview = ({ run, audit, pages }) => {
    const m = run.manifest;
    return vp.el("div", { class: "overview" },
      vp.el("div", { class: "name-and-state" }, vp.el("h1", { id: "title" }, x.runName(m)), m.state ? vp.badge(m.state, m.state === "complete" ? "good" : "bad") : null),
      vp.simulatedBanner(pages), tiles(m), headlines(audit), about(m, audit));
  };
})();
