"use strict";
/* The pairs of one prompt: what the label says, what people say, and where the two part. */
(() => {
  const x = vp.explore;
  const LABELS = "labels", RATERS = "raters", CONSENSUS = "consensus";

  const preferred = (a, b, margin, unit) => [
    vp.el("span", { class: "figure" }, margin > 0 ? `${a} > ${b}` : `${b} > ${a}`),
    vp.el("span", { class: "interval" }, ` by ${unit(Math.abs(margin))}`)];
  const byScores = (size) => (size < 0.01 ? vp.score(size) : vp.fixed(size)); // two digits would tell 0.00002 as 0
  const decision = (a, b, margin, unit = byScores) =>
    (margin === 0 ? vp.el("span", { class: "tie" }, `${a} = ${b} tie`) : preferred(a, b, margin, unit));

  const ofVotes = (share) => `${vp.percent(share, 0)} of the votes`;
  const votesOf = (pair) => (pair.basis === "comparisons" ? ofVotes : byScores);

  /** How many people rated both clips of a pair, and how they voted where they did. */
  const people = (prompt, a, b, theirs) => {
    const votes = (prompt.votes || []).filter((v) => v.a === a && v.b === b && theirs.includes(v.dimension));
    if (votes.length) {
      const side = { a: a + 1, b: b + 1 };
      return { voted: true, words: votes.flatMap((v) => Object.entries(v.choices).map(([choice, n]) =>
        `${n} × ${side[choice] || vp.words(choice)}`)).join(", ") };
    }
    const n = [a, b].flatMap((clip) => prompt.clips[clip].ratings.filter((r) => theirs.includes(r.dimension)).map((r) => r.n));
    return { voted: false, words: n.length ? `n ${Math.min(...n)}` : "" };
  };

  /* What the columns say of a pair: {labels: margin, raters: margin, ..}. */
  const margins = (layout, columns, p, a, b) => {
    const place = layout.pairStarts[p] + x.pairPlace(layout.starts[p + 1] - layout.starts[p], a, b);
    return Object.fromEntries(Object.entries(columns ? columns.margins : {}).map(([source, column]) => [source, column[place] ?? null]));
  };

  const line = (name, ...content) => vp.el("span", { class: "line" }, vp.el("span", { class: "who" }, name), " ", content);

  const cell = ({ prompt, a, b, label, own, theirs, extra }) => {
    const known = own[RATERS] ?? null, asked = people(prompt, a, b, theirs);
    const opposite = label && known !== null && label.margin * known < 0 && label.label !== "tie";
    return [
      label ? line("label", decision(a + 1, b + 1, label.label === "tie" ? 0 : label.margin, votesOf(label))) : null,
      known === null ? null : line(RATERS, decision(a + 1, b + 1, known, asked.voted ? ofVotes : undefined), vp.el("span", { class: "interval" }, asked.words ? `, ${asked.words}` : ""),
        opposite ? [" ", vp.badge("opposite", "bad")] : null),
      extra.filter((source) => (own[source] ?? null) !== null).map((source) => line(source, decision(a + 1, b + 1, own[source])))];
  };

  /** Pairs down, dimensions across. ``watch(text)`` shows two clips alone; ``shown`` is the pair that is. */
  x.pairTable = ({ prompt, place, layout, columns, answers, extra, pair, address }) => {
    const size = prompt.clips.length;
    const named = vp.unique([...prompt.pairs.map((p) => p.dimension), ...layout.index.dimensions.filter((d) => d.margins.includes(RATERS)).map((d) => d.name)]);
    const others = vp.unique(prompt.pairs.map((p) => p.annotator)).filter((name) => name !== CONSENSUS);
    const rows = [];
    for (let a = 0; a < size; a += 1) for (let b = a + 1; b < size; b += 1) if (!pair || (pair[0] === a && pair[1] === b)) rows.push([a, b]);
    if (!rows.length || !named.length) return null;
    const get = (dimension, who) => ([a, b]) => cell({ prompt, a, b, extra: who === CONSENSUS ? extra.filter((s) => s !== LABELS && s !== RATERS) : [],
      label: prompt.pairs.find((p) => p.a === a && p.b === b && p.dimension === dimension && p.annotator === who),
      own: margins(layout, columns.get(dimension), place, a, b), theirs: answers[dimension] || [dimension] });
    const sim = prompt.clips.some((clip) => clip.simulated) ? " (simulated clips)" : "";
    const watch = ([a, b]) => (pair ? `${a + 1}, ${b + 1}` : vp.el("a", { href: address(`${a + 1}-${b + 1}`), "aria-label": `Watch clips ${a + 1} and ${b + 1} alone`,
      "data-pair": `${a + 1}-${b + 1}` }, `${a + 1}, ${b + 1}`));
    return vp.el("div", { class: "pairs" }, vp.el("h4", null, "Pairs"),
      vp.table(`Which clip is preferred, by how much: clips by number${sim}${pair ? "" : "; a pair opens alone"}`, [
        { name: "Pair", head: true, get: watch },
        ...named.map((dimension) => ({ name: vp.words(dimension), get: get(dimension, CONSENSUS) })),
        ...others.flatMap((who) => vp.unique(prompt.pairs.filter((p) => p.annotator === who).map((p) => p.dimension))
          .map((dimension) => ({ name: `${vp.words(dimension)} (${who})`, get: get(dimension, who) })))], rows));
  };
})();
