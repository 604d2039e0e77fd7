"use strict";
/* The explorer: what was bought, where judges and people part, and which clips to look at first. */
(() => {
const tile = (number, name, ...more) => vp.el("li", null,
  vp.el("span", { class: "big" }, number), vp.el("span", { class: "name" }, name),
  more.length ? vp.el("span", { class: "more" }, more) : null);

const runName = (manifest) => (manifest.config || {}).name || manifest.run_id || "Run";

const annotatorWords = (list) => (list || []).map((a) => {
  const details = [a.kind !== a.annotator_id && a.kind,
    a.model && a.model !== a.annotator_id && a.model,
    vp.isNumber(a.temperature) && `temperature ${a.temperature}`,
    a.draws > 1 && `${a.draws} draws`].filter(Boolean);
  return details.length ? `${a.annotator_id} (${details.join(", ")})` : a.annotator_id;
});

const overview = ({ run, audit }) => {
  const m = run.manifest, tables = m.tables || {};
  const funnel = [["prompts", "prompts"], ["videos", "clips"], ["frames", "frame sets"],
    ["annotations", "annotations"], ["comparisons", "comparisons"], ["scores", "scores"], ["preferences", "preferences"],
    ["human_ratings", "human ratings"], ["human_votes", "human votes"], ["failures", "failures"]]
    .filter(([name]) => vp.isNumber(tables[name]) && (tables[name] || ["prompts", "videos", "failures"].includes(name)));
  const facts = [["Annotators", annotatorWords(m.annotators).join(" · ")],
    ["Frames", m.frames && `${vp.plural(m.frames.count, "frame")} a clip, ${m.frames.policy}`],
    ["Rubrics", (m.rubrics || []).map((r) => `${r.name} v${r.version}`
      + (r.protocol && r.protocol !== "pointwise" ? ` (${r.protocol})` : "")).join(" · ")],
    ["Run", m.run_id]].filter(([, value]) => value);
  return [
    vp.begin(runName(m), " ", m.state ? vp.badge(m.state, m.state === "complete" ? "good" : "bad") : null),
    vp.el("ul", { class: "tiles" }, funnel.map(([name, words]) => tile(vp.count(tables[name]), words)),
      tile(spendWords(m), "spent", allRuns(m).requests ? vp.plural(allRuns(m).requests, "request") : null)),
    vp.el("dl", { class: "facts" }, facts.map(([name, value]) =>
      vp.el("div", null, vp.el("dt", null, name), vp.el("dd", null, value)))),
    audit && audit.headlines.length ? vp.el("div", { class: "headlines" },
      audit.headlines.map((text) => vp.el("p", null, text))) : null];
};

// what every run on the folder spent: one that was resumed bought only the rest
const allRuns = (m) => (m.spend || {}).all_runs || m.spend || {};

const spendWords = (m) => (m.spend ? vp.usd(allRuns(m).usd) : "–");

vp.start();
document.title = `${runName(vp.data.run.manifest)}: VideoPrefer report`;
vp.add(document.getElementById("content"), [overview(vp.data), vp.explorer(vp.data)]);
})();
