"use strict";
/* The pairs that the model gets most wrong: two clips side by side, what everybody made of each. */
(() => {
  const { armName, against, dimensionWords } = vp.rm;
  const UNASKED = 2; // cards that are shown without being asked for: the worst of a dimension each

  const answering = (metrics, dimension) => (metrics.answers || {})[dimension] || [dimension];

  const given = (side, clip, metrics, row) => {
    const scores = clip ? clip.scores.filter((s) => s.dimension === row.dimension && s.annotator !== "consensus") : [];
    const ratings = clip ? clip.ratings.filter((r) => answering(metrics, row.dimension).includes(r.dimension)) : [];
    return vp.givenTo(`What was given to the clip of ${side.generator}`, [
      [`${armName(row.arm)}, reward`, vp.signed(side.reward, 3)],
      ...scores.map((s) => [s.annotator, vp.score(s.mean), s.n > 1 ? `n = ${s.n}` : null]),
      ...ratings.map((r) => [r.dimension === row.dimension ? "raters" : `raters, ${vp.words(r.dimension)}`, vp.fixed(r.mean),
        `n = ${r.n}: ${r.scores.map((score) => vp.score(score)).join(", ")}`])]);
  };

  const rationales = (clip, row) => (clip ? clip.scores.filter((s) => s.dimension === row.dimension).flatMap((s) =>
    s.draws.map((draw) => vp.saidBy(draw.rationale, `${s.annotator} on this clip: ${vp.score(draw.score)}`))) : []);

  const whose = (row) => ({ annotator: "labels prefer this", votes: "votes prefer this" }[row.against] || `${row.against} prefer this`);

  const side = (pair, key, metrics, row) => {
    const own = pair[key], clip = metrics.clips[own.video_id];
    return { clip, absent: metrics.clips[pair[key === "a" ? "b" : "a"].video_id] ? "This clip is not at hand." : null,
      generator: own.generator, id: own.video_id, given: given(own, clip, metrics, row), said: rationales(clip, row),
      badges: [key === "a" ? vp.badge(whose(row), "good") : vp.badge(`${armName(row.arm)} prefers this`, "bad")] };
  };

  const sd = (value) => (vp.isNumber(value) ? ` (${vp.fixed(value, 1)} sd)` : "");

  const CONTROL = { right: "is right", wrong: "is wrong, too", tie: "ties them" };

  const words = (pair, row) => {
    const people = Object.entries(pair.said || {});
    const said = people.length ? `, n = ${vp.plural(pair.n_raters, "rater")}: ${people.map(([name, m]) => `${name} ${vp.signed(m, Number.isInteger(m) ? 0 : 2)}`).join(", ")}` : "";
    return vp.el("p", { class: "margins" }, vp.el("strong", null, `${{ annotator: "The labels", votes: "The votes" }[row.against] || `The ${row.against}`} `),
      `prefer their clip by ${vp.fixed(pair.margin)}${sd(pair.target_sureness)}${said}. `,
      vp.el("strong", null, `${armName(row.arm)} `), `prefers the other by ${vp.fixed(Math.abs(pair.difference), 3)}${sd(pair.model_sureness)}: it gives their clip`
        + ` ${vp.percent(pair.probability)}${vp.isNumber(row.temperature) ? ` (temperature ${vp.fixed(row.temperature, 2)})` : ""}. `,
      pair.control ? [vp.el("strong", null, `The ${armName("per_frame")} `), `${CONTROL[pair.control] || pair.control} (${vp.signed(pair.control_difference, 3)}).`] : null);
  };

  const link = (pair, metrics) => {
    const numbers = ["a", "b"].map((key) => (metrics.clips[pair[key].video_id] || {}).number);
    if (!numbers.every(vp.isNumber)) return null;
    const [low, high] = numbers.sort((a, b) => a - b);
    return vp.el("a", { href: `index.html#prompt=${encodeURIComponent(pair.prompt_id)}&pair=${low}-${high}` }, `Clips ${low} and ${high} in the explorer`);
  };

  const compared = (pair, metrics, row) => {
    const ids = [pair.a.video_id, pair.b.video_id];
    return (metrics.comparisons[pair.prompt_id] || []).filter((c) => c.dimension === row.dimension && c.shown.every((id) => ids.includes(id)))
      .map((c) => vp.saidBy(c.rationale, `${c.annotator} on the two, in the order shown (${c.shown[0] === pair.a.video_id ? "" : "not "}the left one first)`));
  };

  const card = (pair, metrics, row) => vp.pairCard({
    prompt: metrics.prompts[pair.prompt_id] || `Prompt ${pair.prompt_id}`,
    meta: [vp.el("span", null, dimensionWords(row.dimension)), vp.el("code", null, pair.prompt_id), link(pair, metrics)],
    sides: ["a", "b"].map((key) => side(pair, key, metrics, row)),
    words: [words(pair, row), compared(pair, metrics, row)],
  });

  const share = (n, row) => `${vp.count(n)} (${vp.percent(n / row.n_pairs)})`;
  const controlRight = (row) => {
    const known = row.pairs.filter((pair) => pair.control);
    return known.length ? `${known.filter((pair) => pair.control === "right").length} of ${known.length}` : "–";
  };

  const group = (metrics, row, n) => {
    const cards = (pairs) => pairs.map((pair) => card(pair, metrics, row));
    const unasked = n < UNASKED && row.against === metrics.worst_pairs[0].against ? 1 : 0;
    const rest = row.pairs.slice(unasked), of = `${dimensionWords(row.dimension)}, against ${against(row.against)}`;
    return row.pairs.length ? vp.el("div", { class: "worst", id: `worst-${n}` },
      vp.el("h3", { class: unasked ? null : "hidden" }, of), cards(row.pairs.slice(0, unasked)),
      vp.rm.onScreen(`${unasked ? `${rest.length} more: ` : `${vp.plural(rest.length, "pair")}: `}${of}`, cards(rest))) : null;
  };

  vp.rm.worstPairs = (metrics) => {
    if (!(metrics.worst_pairs || []).length) return null;
    const rows = vp.rm.targets(metrics.worst_pairs).flatMap((target) => metrics.worst_pairs.filter(vp.rm.isOf(target)));
    const sorted = { prompts: {}, clips: {}, comparisons: {}, ...metrics, worst_pairs: rows };
    return [vp.note("Examples, not statistics: of the pairs that the target decides and the model orders the other way, those on which both are surest"
      + " (margin times difference of rewards, each in standard deviations, sd), one of a prompt. How often it is wrong at all stands in"
      + ` the table, beside on how many of those shown the ${armName("per_frame")} is right. Left, or above, is the clip that the target prefers${vp.rm.simulated("clips", "raters")}.`),
    vp.table("How often the model is wrong, held against all raters together or the label", [
      { name: "Target", head: true, get: (r) => vp.rm.targetName([r.against, r.split]) },
      { name: "dimension", get: (r) => dimensionWords(r.dimension) },
      { name: "wrong", number: true, get: (r) => (r.n_pairs ? share(r.n_wrong, r) : "–") },
      { name: "tied", number: true, get: (r) => vp.count(r.n_tied) },
      { name: "pairs decided", number: true, get: (r) => vp.count(r.n_pairs) },
      { name: "prompts", number: true, get: (r) => vp.count(r.n_prompts) },
      { name: "shown", number: true, get: (r) => vp.count(r.pairs.length) },
      { name: "control right on", number: true, get: controlRight }], rows),
    rows.map((row, n) => group(sorted, row, n))];
  };
})();
