"use strict";
/* The flips to look at first: two clips in step, and what both runs and people said of them. */
(() => {
  const SIDES = ["old", "new"];
  const FIRST = 6; // shown unasked
  const LABELS = { 1: "prefers this", 0: "calls it a tie" };
  const score = (value) => (vp.isNumber(value) ? vp.fixed(value, Number.isInteger(value) ? 0 : 2) : "–");

  const badges = (flip, n) => flip.labels.map((label, side) => (label === 0 ? (n === 0 ? vp.badge(`${SIDES[side]}: ${LABELS[0]}`) : null)
    : (label > 0) === (n === 0) ? vp.badge(`${SIDES[side]} ${LABELS[1]}`, side ? "good" : "accent") : null));

  /** Scores of one clip: annotators down, the two runs across. */
  const scores = (clip) => {
    const names = vp.unique([...clip.old, ...clip.new].map((row) => row.annotator));
    const of = (side, name) => clip[side].find((row) => row.annotator === name);
    const raters = clip.ratings.map((rating) => vp.el("tr", null, vp.el("th", { scope: "row" }, `raters, ${vp.words(rating.dimension)}`),
      vp.el("td", { class: "number", colspan: 2 }, vp.el("span", { class: "figure" }, vp.fixed(rating.mean)),
        vp.el("span", { class: "interval" }, ` n = ${rating.said.length}: ${rating.said.map((one) => score(one.score)).join(", ")}`))));
    return names.length || raters.length ? vp.el("table", { class: "scores both" }, vp.el("caption", { class: "hidden" }, `Scores of the clip of ${clip.generator}`),
      vp.el("thead", null, vp.el("tr", null, vp.el("th", { scope: "col" }, "score"), SIDES.map((side) => vp.el("th", { scope: "col", class: "number" }, side)))),
      vp.el("tbody", null, names.map((name) => vp.el("tr", { class: name === "consensus" ? "consensus" : null }, vp.el("th", { scope: "row" }, name),
        SIDES.map((side) => vp.el("td", { class: "number" }, vp.el("span", { class: "figure" }, of(side, name) ? score(of(side, name).mean) : "–"))))), raters)) : null;
  };

  const rationales = (clip) => {
    const said = SIDES.flatMap((side) => clip[side].filter((row) => row.rationale).map((row) => vp.saidBy(row.rationale, `${side}: ${row.annotator}`)));
    return said.length ? vp.el("details", null, vp.el("summary", null, vp.plural(said.length, "rationale")), said) : null;
  };

  const frames = (clip) => (clip.new_frames ? [vp.el("p", { class: "by" }, "above: frames of the old run; below: of the new"), vp.frameStrip({ ...clip, frames: clip.new_frames })] : null);

  const side = (flip, n) => {
    const clip = flip.clips[n];
    return { clip, generator: clip.generator, badges: badges(flip, n), given: [frames(clip), scores(clip)], said: rationales(clip), id: clip.id };
  };

  const SAID = { 1: "left", 0: "tie", "-1": "right" };
  const compared = (flip) => flip.compared.flatMap((rows, n) => rows.map((row) => [vp.el("p", { class: "by" }, `${SIDES[n]}: ${row.annotator}, draw ${row.draw}, shown`
    + ` ${row.left_first ? "left" : "right"} first: ${SAID[row.said]}`), row.rationale ? vp.el("p", { class: "said" }, row.rationale) : null]));

  const CHOICES = { a: "left", b: "right", tie: "tie", both_good: "both good", both_bad: "both bad" };
  const votes = (flip) => (flip.votes.length ? [vp.el("strong", null, "People "), `voted ${vp.unique(flip.votes.map((v) => v.choice)).map((choice) =>
    `${CHOICES[choice] || choice} ${flip.votes.filter((v) => v.choice === choice).length}`).join(", ")}. `] : null);

  const words = (flip) => {
    const said = compared(flip);
    const names = flip.clips.map((clip) => clip.generator); // on a telephone one stands above the other
    const [first, second] = names[0] === names[1] ? ["the left", "the right"] : names;
    const margin = (value) => (value > 0 ? `prefers ${first} by ${vp.fixed(value)}` : value < 0 ? `prefers ${second} by ${vp.fixed(-value)}` : "calls it a tie");
    return [vp.el("p", { class: "margins" }, SIDES.map((name, n) => [vp.el("strong", null, `${name[0].toUpperCase()}${name.slice(1)} `), `${margin(flip.margins[n])}. `]), votes(flip)),
      said.length ? vp.el("details", null, vp.el("summary", null, `${vp.plural(flip.compared[0].length + flip.compared[1].length, "comparison")} of the two`), said) : null];
  };

  const card = (flip) => vp.pairCard({ prompt: flip.prompt || `Prompt ${flip.prompt_id}`,
    meta: [vp.el("span", null, vp.words(flip.dimension)), vp.el("span", null, flip.labels[0] * flip.labels[1] < 0 ? "turned round" : flip.labels[1] === 0 ? "became a tie" : "no longer a tie"),
      vp.el("code", null, flip.prompt_id)], sides: [side(flip, 0), side(flip, 1)], words: words(flip) });

  vp.compare.flips = ({ flips }) => {
    if (!flips.length) return [];
    const cards = flips.map((flip) => ({ flip, box: card(flip) })), dimensions = vp.unique(flips.map((flip) => flip.dimension)).sort();
    const status = vp.el("p", { class: "status", role: "status" });
    let all = false;
    const more = vp.el("button", { type: "button", class: "quiet", onclick: () => { all = true; choose(select.value); } }, "Show all of them");
    const choose = (wanted) => {
      const fitting = cards.filter(({ flip }) => wanted === "" || flip.dimension === wanted), shown = all ? fitting : fitting.slice(0, FIRST);
      cards.forEach((one) => { one.box.hidden = !shown.includes(one); });
      more.hidden = shown.length === fitting.length;
      status.textContent = `${vp.count(shown.length)} of ${vp.plural(fitting.length, "flip")} shown, the surest first.`;
    };
    const select = vp.el("select", { id: "flips-dimension", onchange: (event) => choose(event.target.value) },
      vp.el("option", { value: "" }, "all dimensions"), dimensions.map((name) => vp.el("option", { value: name }, vp.words(name))));
    choose("");
    return [vp.el("p", { class: "lead" }, "Single pairs, not statistics: those that turned round and of which both runs were surest, one of a prompt; then those that became a tie or"
      + " no longer are one. Left, or above, is the clip that the old run prefers; where that was a tie, the one that the new run prefers."),
    dimensions.length > 1 ? vp.el("div", { class: "filters" }, vp.el("label", null, "Dimension", select)) : null, status,
    vp.el("h3", { class: "hidden" }, "Pairs"), cards.map(({ box }) => box), vp.el("p", { class: "pager" }, more)];
  };
})();
