"use strict";
/* The worst disagreements: two clips side by side, what the annotator and the raters made of each. */
(() => {
  const MOST = 2; // of each annotator that are shown unasked

  const facts = (side, annotator) => {
    const ratings = Object.entries(side.ratings || {});
    const row = (name, value, more) => vp.el("tr", null, vp.el("th", { scope: "row" }, name),
      vp.el("td", { class: "number" }, vp.el("span", { class: "figure" }, value), more ? vp.el("span", { class: "interval" }, ` ${more}`) : null));
    const mean = ratings.length ? ratings.reduce((sum, [, score]) => sum + score, 0) / ratings.length : null;
    if (!vp.isNumber(side.score) && !ratings.length) return null;
    return vp.el("table", { class: "scores" }, vp.el("caption", { class: "hidden" }, `Scores of ${side.generator}`),
      vp.el("tbody", null, vp.isNumber(side.score) ? row(annotator, vp.fixed(side.score, Math.abs(side.score) < 10 && !Number.isInteger(side.score) ? 3 : 0)) : null,
        ratings.length ? row("raters", vp.fixed(mean), `n = ${ratings.length}: ${ratings.map(([name, score]) => `${name} ${vp.score(score)}`).join(", ")}`) : null));
  };

  const LONG = 600; // characters of a rationale that is folded away

  const said = (text, by) => {
    if (!text) return null;
    const words = vp.el("p", { class: "said" }, text);
    return vp.el("div", { class: "rationale" }, text.length > LONG
      ? vp.el("details", null, vp.el("summary", null, `${by} (${vp.count(text.length)} characters)`), words)
      : [vp.el("p", { class: "by" }, by), words]);
  };

  const side = (pair, key, clips, videos) => {
    const own = pair[key], clip = (clips || {})[own.video_id];
    return vp.el("div", { class: "clip side" },
      vp.el("h5", null, own.generator === "unknown" ? "unknown generator" : own.generator, " ", vp.simulated(clip && clip.simulated), " ",
        vp.badge(key === "a" ? "raters prefer this" : "annotator prefers this", key === "a" ? "good" : "bad"), " ",
        pair.shown_first === key ? vp.badge("shown first") : null),
      vp.el("div", null, clip ? [vp.player(clip, videos), clip.frames ? vp.frameStrip(clip) : null]
        : (clips || {})[pair[key === "a" ? "b" : "a"].video_id] ? vp.el("p", { class: "notice" }, "This clip is not at hand.") : null,
        facts(own, pair.annotator), said(own.rationale, `${pair.annotator} on this clip`),
        vp.el("p", { class: "settings" }, own.video_id)));
  };

  const sd = (value) => (vp.isNumber(value) ? ` (${vp.fixed(value, 1)} sd)` : "");

  const card = (pair, clips) => {
    const videos = [], sides = ["a", "b"].map((key) => side(pair, key, clips, videos));
    const { button, watch } = vp.playButton(videos);
    const raters = Object.entries(pair.said || {});
    const by = raters.length ? `: ${raters.map(([name, margin]) => `${name} ${vp.signed(margin, Number.isInteger(margin) ? 0 : 2)}`).join(", ")}` : "";
    return watch(vp.el("article", { class: "prompt disagreement" },
      vp.el("header", null, vp.el("h4", null, pair.prompt || `Prompt ${pair.prompt_id}`),
        vp.el("p", { class: "meta" }, vp.el("span", null, pair.annotator), vp.el("code", null, pair.prompt_id), videos.length ? button : null)),
      vp.el("div", { class: "sides" }, sides),
      vp.el("p", { class: "margins" }, vp.el("strong", null, "Raters "), `prefer their clip by ${vp.fixed(Math.abs(pair.human_margin))}${sd(pair.human_sureness)}`,
        raters.length ? `, n = ${vp.plural(raters.length, "rater")}${by}` : "", ". ",
        vp.el("strong", null, `${pair.annotator} `), `prefers the other by ${vp.fixed(Math.abs(pair.judge_margin), 3)}${sd(pair.judge_sureness)}.`),
      said(pair.rationale, `${pair.annotator} on the two${pair.shown_first ? ", in the order shown" : ""}`)));
  };

  vp.audit.disagreements = (audit, name, annotators, words) => {
    const own = (audit.disagreements || []).filter((pair) => pair.dimension === name);
    if (!own.length) return null;
    const order = [...annotators, ...vp.unique(own.map((pair) => pair.annotator))];
    const who = vp.unique(order).filter((one) => own.some((pair) => pair.annotator === one));
    const cards = (pairs) => pairs.map((pair) => card(pair, audit.clips));
    return [vp.el("h3", null, "The worst disagreements"),
      vp.el("p", { class: "lead" }, "Single pairs, not statistics: those on which both sides are surest and of opposite opinion, one of a prompt."
        + ` Left, or above, is the clip that the raters prefer${words}; sd: in standard deviations of that side's margins.`),
      who.map((one, n) => {
        const pairs = own.filter((pair) => pair.annotator === one), [first, rest] = n ? [[], pairs] : [pairs.slice(0, MOST), pairs.slice(MOST)];
        return [cards(first), rest.length ? vp.el("details", null,
          vp.el("summary", null, `${rest.length}${first.length ? " more" : ""} of ${one}`), cards(rest)) : null];
      })];
  };
})();
