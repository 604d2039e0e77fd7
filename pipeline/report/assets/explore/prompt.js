"use strict";
/* One prompt: its clips side by side, what each annotator and the raters said, and its pairs. */
(() => {
/** A small gauge of a score on its scale, in steps where the scale has few; none without bounds. */
const gauge = (value, low, high) => {
  if (![value, low, high].every(vp.isNumber) || high <= low) return null;
  const stepped = Number.isInteger(low) && Number.isInteger(high) && high - low < 10;
  const bar = vp.el("span", { class: stepped ? "gauge stepped" : "gauge", "aria-hidden": "true" }, vp.el("span"));
  const share = stepped ? (value - low + 1) / (high - low + 1) : (value - low) / (high - low);
  if (stepped) bar.style.setProperty("--steps", high - low + 1);
  bar.firstChild.style.width = `${100 * share}%`;
  return bar;
};

const scoreRow = (name, kind, value, more, low, high) => {
  const bar = gauge(value, low, high);
  return vp.el("tr", { class: kind },
    vp.el("th", { scope: "row", colspan: bar ? null : 2 }, name),
    bar && vp.el("td", { class: "on-scale" }, bar),
    vp.el("td", { class: "number" }, vp.el("span", { class: "figure" }, vp.score(value)),
      more && vp.el("span", { class: "interval" }, ` ${more}`)));
};

const ratingsFor = (clip, dimension, answers) => {
  const theirs = answers[dimension] || [dimension];
  return clip.ratings.filter((rating) => theirs.includes(rating.dimension));
};

/** Scores by dimension: every annotator, the consensus where it says more, then the raters. */
const scoreTable = (clip, answers) => {
  const claimed = Object.values(answers).flat();
  const own = vp.unique(clip.scores.map((s) => s.dimension));
  const rest = vp.unique(clip.ratings.map((r) => r.dimension)).filter((d) => !claimed.includes(d) && !own.includes(d));
  const bodies = [...own, ...rest].map((dimension) => {
    const scores = clip.scores.filter((s) => s.dimension === dimension);
    const judges = scores.filter((s) => s.annotator !== "consensus");
    const shown = judges.length === 1 ? judges : scores;
    const scale = judges.find((s) => vp.isNumber(s.low)) || {};
    return vp.el("tbody", null,
      vp.el("tr", { class: "group" }, vp.el("th", { colspan: "3", scope: "colgroup" }, vp.words(dimension))),
      shown.map((s) => scoreRow([s.annotator], s.annotator === "consensus" ? "consensus" : "", s.mean,
        s.n > 1 && vp.isNumber(s.spread) ? `± ${vp.fixed(s.spread)}, n ${s.n}` : "", s.low ?? scale.low, s.high ?? scale.high)),
      ratingsFor(clip, dimension, answers).map((r) => scoreRow(
        [r.dimension === dimension ? "raters" : `raters, ${vp.words(r.dimension)}`, r.simulated ? vp.el("span", { class: "sim-text" }, " simulated") : null], "raters",
        r.mean, `n ${r.n}`, null, null)));
  });
  return bodies.length ? vp.el("table", { class: "scores" },
    vp.el("caption", { class: "hidden" }, `Scores of ${clip.generator}`),
    vp.el("thead", { class: "hidden" }, vp.el("tr", null, ["Annotator", "On its scale", "Score"].map((t) => vp.el("th", { scope: "col" }, t)))),
    bodies) : vp.el("p", { class: "muted" }, "No scores.");
};

const rationales = (clip) => {
  const said = clip.scores.flatMap((s) => s.draws.filter((d) => d.rationale).map((d) => ({ ...d, s })));
  if (!said.length) return null;
  return vp.el("details", { class: "rationales" }, vp.el("summary", null, said.length === 1 ? "Rationale" : `Rationales (${said.length})`),
    said.map(({ s, ...draw }) => vp.el("div", { class: "rationale" },
      vp.el("p", { class: "by" }, `${s.annotator} · ${vp.words(s.dimension)} · ${vp.score(draw.score)}`, s.draws.length > 1 ? ` · draw ${draw.draw}` : ""),
      vp.el("p", { class: "said" }, draw.rationale))));
};

const settings = (clip) => (clip.settings || vp.isNumber(clip.seed) ? vp.el("details", null, vp.el("summary", null, "Settings"),
  vp.el("p", { class: "settings" }, clip.settings || "", vp.isNumber(clip.seed) ? ` seed ${clip.seed}` : "")) : null);

const facts = (clip) => {
  const f = clip.frames;
  const list = f ? [f.clip.join(" × "), vp.isNumber(f.duration_s) && `${vp.fixed(f.duration_s, 1)} s`,
    vp.isNumber(f.fps) && `${vp.fixed(f.fps, 0)} fps`, ...(f.flags || []).map(vp.words)] : [];
  return vp.el("p", { class: "muted small-facts" }, [...list, clip.licence].filter(Boolean).join(" · "));
};

const clipCard = (clip, number, videos, answers) => vp.el("article", { class: "clip" },
  vp.el("h4", null, vp.el("span", { class: "ordinal" }, number + 1), " ", clip.generator, " ", vp.simulated(clip.simulated)),
  vp.player(clip, videos), vp.frameStrip(clip), facts(clip), scoreTable(clip, answers), vp.failureList(clip.failures), rationales(clip), settings(clip));

const pairCell = (pair) => {
  if (!pair) return "–";
  const [a, b] = [pair.a + 1, pair.b + 1];
  if (pair.label === "tie") return vp.el("span", { class: "tie" }, `${a} = ${b} tie`);
  const winner = pair.label === "a" ? a : b, loser = pair.label === "a" ? b : a;
  return [vp.el("span", { class: "figure" }, `${winner} > ${loser}`),
    vp.el("span", { class: "interval" }, pair.basis === "comparisons"
      ? ` by ${vp.percent(Math.abs(pair.margin), 0)} of the votes` : ` by ${vp.fixed(Math.abs(pair.margin))}`)];
};

const pairTable = (prompt) => {
  if (!prompt.pairs.length) return null;
  const columns = vp.unique(prompt.pairs.map((p) => JSON.stringify([p.dimension, p.annotator])));
  const rows = vp.unique(prompt.pairs.map((p) => JSON.stringify([p.a, p.b]))).map(JSON.parse);
  const find = (row, column) => prompt.pairs.find((p) => p.a === row[0] && p.b === row[1] && JSON.stringify([p.dimension, p.annotator]) === column);
  const name = (column) => {
    const [dimension, annotator] = JSON.parse(column);
    return annotator === "consensus" ? vp.words(dimension) : `${vp.words(dimension)} (${annotator})`;
  };
  const sim = prompt.clips.some((clip) => clip.simulated) ? " (simulated clips)" : "";
  return vp.el("details", { class: "pairs" }, vp.el("summary", null, vp.plural(prompt.pairs.length, "preference label")),
    vp.table(`Which clip is preferred, by how much: clips by number${sim}`, [
      { name: "Pair", head: true, get: (r) => `${r[0] + 1}, ${r[1] + 1}` },
      ...columns.map((column) => ({ name: name(column), get: (r) => pairCell(find(r, column)) }))], rows));
};

/** The card of one prompt. */
vp.promptCard = (prompt, answers) => {
  const videos = [];
  const clips = prompt.clips.map((clip, n) => clipCard(clip, n, videos, answers));
  const splits = vp.unique(prompt.pairs.map((p) => p.split));
  const { button, watch } = vp.playButton(videos);
  const row = vp.el("div", { class: "clips" }, clips.length ? clips : vp.note("None of its clips exists."));
  row.style.setProperty("--clips", Math.max(clips.length, 1));
  return watch(vp.el("article", { class: "prompt", id: `prompt-${prompt.id}` },
    vp.el("header", null,
      vp.el("h3", null, prompt.text),
      vp.el("p", { class: "meta" }, vp.simulated(prompt.simulated), splits.map((s) => vp.badge(s)),
        vp.el("span", null, prompt.source), prompt.licence ? vp.el("span", null, prompt.licence) : null,
        vp.el("a", { href: `#prompt=${encodeURIComponent(prompt.id)}`, title: "Link to this prompt" }, prompt.id),
        videos.length ? button : null)),
    row, pairTable(prompt), vp.comparisonTable(prompt)));
};
})();
