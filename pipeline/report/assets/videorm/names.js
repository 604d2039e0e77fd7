"use strict";
/* What VideoRM's page calls its models, targets and dimensions, and what its parts share. */
vp.rm = {};
(() => {
  const ARMS = {
    videorm: ["VideoRM", "circle"], shift: ["shift alone", "triangle"], transformer: ["head over frames alone", "diamond"],
    per_frame: ["per-frame control", "square"], per_frame_shifted: ["control, shift on", "square"],
    trunk_frame_mean: ["trunk, mean of frames", "square"], trunk_first_frame: ["trunk, first frame", "square"],
    trunk_frame_mean_shifted: ["trunk shifted, mean of frames", "square"],
    clip_score: ["CLIPScore, mean of frames", "square"], clip_score_first_frame: ["CLIPScore, first frame", "square"],
    hps_v2: ["HPS v2, mean of frames", "square"], pick_score: ["PickScore, mean of frames", "square"],
    annotator: ["annotator", "triangle"], human_ceiling: ["human ceiling", "diamond"], chance: ["chance", "circle"],
    all_tie: ["every pair a tie", "circle"], random: ["any clip", "diamond"], oracle: ["best possible", "circle"],
  };
  const TARGETS = { raters: "the raters", annotator: "the annotator's labels", votes: "people's votes" };
  const ORDER = ["raters", "votes", "annotator"]; // people first

  vp.rm.armName = (arm) => (Object.hasOwn(ARMS, arm) ? ARMS[arm][0] : vp.words(arm));
  vp.rm.armShape = (arm) => (Object.hasOwn(ARMS, arm) ? ARMS[arm][1] : "triangle");
  vp.rm.against = (target) => (Object.hasOwn(TARGETS, target) ? TARGETS[target] : vp.words(target));
  vp.rm.dimensionWords = (name) => (name === "all" ? "all dimensions" : vp.words(name));

  /** The model that the page is about. */
  vp.rm.main = (metrics) => ((metrics.differences || [])[0] || {}).arm || Object.keys(metrics.arms || {})[0] || "videorm";

  /** ", simulated clips" and so on in captions, from what the page says is simulated. */
  vp.rm.simulated = (...kinds) => vp.simulatedWords(vp.data.pages, ...kinds);
  vp.rm.simulatedBy = (target) => vp.rm.simulated("clips", ...(target === "annotator" ? [] : ["raters"]));

  /** [target, split] of rows, people before labels. */
  vp.rm.targets = (rows) => vp.unique(rows.map((r) => JSON.stringify([r.against, r.split]))).map(JSON.parse)
    .sort((a, b) => (ORDER.indexOf(a[0]) + 9) % 9 - (ORDER.indexOf(b[0]) + 9) % 9);
  vp.rm.targetName = ([target, split]) => `${vp.rm.against(target)}${split && split !== "test" ? ` (${split} prompts)` : ""}`;
  vp.rm.isOf = ([target, split]) => (r) => r.against === target && r.split === split;

  /** Dimensions of rows, all together first; a single one is not told twice. */
  vp.rm.dimensions = (rows) => {
    const names = vp.unique(rows.map((r) => r.dimension)).sort((a, b) => (b === "all") - (a === "all"));
    return names.length === 2 && names[0] === "all" ? names.slice(1) : names;
  };

  vp.rm.nWords = (rows) => vp.unique(rows.filter((r) => vp.isNumber(r.n_pairs))
    .map((r) => `${vp.plural(r.n_pairs, "pair")} of ${vp.plural(r.n_prompts, "prompt")}`)).join("; ");

  vp.rm.bound = (value) => vp.fixed(100 * value, 1);
  vp.rm.points = (value) => vp.signed(100 * value, 1);

  /** A plot under its heading, what it is of, and n. */
  vp.rm.panel = (title, caption, chart, legend) => vp.el("figure", null,
    vp.el("p", { class: "title" }, title), legend || null, chart, vp.el("figcaption", null, caption));

  /** Content that is folded away under a line; null where there is none. */
  vp.rm.folded = (summary, ...content) => {
    const drawn = content.flat(Infinity).filter(Boolean);
    return drawn.length ? vp.el("details", null, vp.el("summary", null, summary), drawn) : null;
  };

  /** The same of what repeats a plot, or is more of the same: paper does without. */
  vp.rm.onScreen = (summary, ...content) => {
    const box = vp.rm.folded(summary, content);
    if (box) box.className = "on-screen";
    return box;
  };

  /** A line per label, a column per dimension, and how many pairs or prompts each column is of. */
  vp.rm.matrix = (caption, first, rows, label, format, bound, count) => {
    const of = (name, dimension) => rows.find((r) => label(r) === name && r.dimension === dimension) || {};
    const column = (dimension) => {
      const n = vp.span(rows.filter((r) => r.dimension === dimension).map((r) => r[count]));
      return { name: `${vp.rm.dimensionWords(dimension)} (${n} ${count.replace("n_", "")})`, number: true,
        get: (name) => (of(name, dimension).dimension ? vp.interval(of(name, dimension), format, bound) : "–") };
    };
    return vp.table(caption, [{ name: first, head: true, get: (name) => name },
      ...vp.unique(rows.map((r) => r.dimension)).map(column)], vp.unique(rows.map(label)));
  };
})();
