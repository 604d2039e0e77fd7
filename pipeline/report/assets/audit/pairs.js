"use strict";
/* The worst disagreements: two clips side by side, what the annotator and the raters made of each. */
(() => {
  const MOST = 2; // of each annotator that are shown unasked

  const given = (side, annotator) => {
    const ratings = Object.entries(side.ratings || {});
    const mean = ratings.length ? ratings.reduce((sum, [, score]) => sum + score, 0) / ratings.length : null;
    return vp.givenTo(`Scores of ${side.generator}`, [
      ...(vp.isNumber(side.score) ? [[annotator, vp.fixed(side.score, Math.abs(side.score) < 10 && !Number.isInteger(side.score) ? 3 : 0)]] : []),
      ...(ratings.length ? [["raters", vp.fixed(mean), `n = ${ratings.length}: ${ratings.map(([name, score]) => `${name} ${vp.score(score)}`).join(", ")}`]] : [])]);
  };

  const side = (pair, key, clips) => {
    const own = pair[key], other = pair[key === "a" ? "b" : "a"];
    return {
      clip: clips[own.video_id], absent: clips[other.video_id] ? "This clip is not at hand." : null,
      generator: own.generator, id: own.video_id, given: given(own, pair.annotator),
      said: vp.saidBy(own.rationale, `${pair.annotator} on this clip`),
      badges: [vp.badge(key === "a" ? "raters prefer this" : "annotator prefers this", key === "a" ? "good" : "bad"),
        pair.shown_first === key ? vp.badge("shown first") : null],
    };
  };

  const sd = (value) => (vp.isNumber(value) ? ` (${vp.fixed(value, 1)} sd)` : "");

  const margins = (pair) => {
    const raters = Object.entries(pair.said || {});
    const by = raters.length ? `: ${raters.map(([name, margin]) => `${name} ${vp.signed(margin, Number.isInteger(margin) ? 0 : 2)}`).join(", ")}` : "";
    return vp.el("p", { class: "margins" }, vp.el("strong", null, "Raters "), `prefer their clip by ${vp.fixed(Math.abs(pair.human_margin))}${sd(pair.human_sureness)}`,
      raters.length ? `, n = ${vp.plural(raters.length, "rater")}${by}` : "", ". ",
      vp.el("strong", null, `${pair.annotator} `), `prefers the other by ${vp.fixed(Math.abs(pair.judge_margin), 3)}${sd(pair.judge_sureness)}.`);
  };

  const card = (pair, clips) => vp.pairCard({
    prompt: pair.prompt || `Prompt ${pair.prompt_id}`,
    meta: [vp.el("span", null, pair.annotator), vp.el("code", null, pair.prompt_id)],
    sides: ["a", "b"].map((key) => side(pair, key, clips || {})),
    words: [margins(pair), vp.saidBy(pair.rationale, `${pair.annotator} on the two${pair.shown_first ? ", in the order shown" : ""}`)],
  });

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
