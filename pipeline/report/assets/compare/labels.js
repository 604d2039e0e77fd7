"use strict";
/* Labels that moved, and the generators that gained by it. */
(() => {
  const NAMES = ["first", "tie", "second"];
  const { share, points, figure } = vp.compare;
  const judged = (rows) => rows.filter((row) => row.common);

  const shares = (labels) => vp.figure("Pairs that both runs have and whose label is another, with 95 % intervals over prompts.",
    vp.estimates("Share of labels that changed", labels.map((row) => ({ ...row.flipped, label: vp.words(row.dimension) })),
      { ...share, domain: [0, Math.min(1, 1.15 * Math.max(0.02, ...labels.map((row) => row.flipped.high ?? row.flipped.value)))],
        tick: (value) => vp.percent(value, Math.abs(Math.round(value * 100) - value * 100) < 1e-6 ? 0 : 1) }));

  const counts = (labels) => {
    const moved = (name, key) => ({ name, number: true, get: (r) => (r.common ? [figure(r[key], vp.percent, share.bound), vp.el("span", { class: "n line" }, vp.plural(r[key].count, "pair"))] : "–") });
    return vp.table("What became of the labels", [
      { name: "dimension", head: true, get: (r) => vp.words(r.dimension) },
      { name: "in both", number: true, get: (r) => [vp.count(r.common), vp.el("span", { class: "n line" }, vp.plural(r.prompts, "prompt"))] },
      moved("another label", "flipped"), moved("turned round", "reversed"), moved("became a tie", "to_tie"), moved("no longer a tie", "from_tie"),
      { name: "Cohen’s κ", number: true, get: (r) => figure(r.kappa, (value) => vp.fixed(value, 2)) },
      { name: "in one only", number: true, get: (r) => [vp.el("span", { class: "line" }, `old ${vp.count(r.only_old)}`), vp.el("span", { class: "line" }, `new ${vp.count(r.only_new)}`)] }], labels, { class: "pivot" });
  };

  const matrix = (row) => {
    const columns = [{ name: "old ↓ new →", head: true, get: (r) => r.name }, ...NAMES.map((name, n) => ({ name, number: true, get: (r) => {
      const cell = vp.el("span", { class: n === r.n ? "cell same" : "cell" }, vp.el("span", { class: "figure" }, vp.count(r.cells[n])),
        vp.el("span", { class: "interval line" }, vp.percent(r.cells[n] / row.common)));
      cell.style.setProperty("--share", r.cells[n] / row.common);
      return cell;
    } }))];
    return vp.table(`${vp.words(row.dimension)}: ${vp.plural(row.common, "common pair")}`, columns,
      NAMES.map((name, n) => ({ name, n, cells: row.table[n] })), { class: "moves" });
  };

  vp.compare.labels = (found) => {
    const labels = judged(found.labels);
    if (!labels.length) return [vp.el("p", { class: "notice" }, found.findings.find((text) => /no label can be compared/.test(text)) || "No pair is in both."), counts(found.labels)];
    return [shares(labels), counts(found.labels), vp.el("h3", null, "From which label to which"),
      vp.note("From the preferred clip in the old run, down, to that in the new, across. The first clip of a pair is that with the lower id: which one it is means nothing, so the two corners away from the"
        + " diagonal together are the labels that turned round. κ is 1 where both runs say the same of every pair and 0 where they agree as"
        + " chance would have it."),
      vp.el("div", { class: "matrices" }, labels.map(matrix))];
  };

  /* ---- generators ---- */
  const gains = (one) => vp.figure(`${vp.words(one.dimension)}: change of the share of its pairs that a generator wins, a tie as half, in points, over the`
    + " same pairs. Lines are 95 % intervals over prompts. Left of the line it lost, right of it it gained.",
  vp.estimates(`Change of wins on ${one.dimension}`, [...one.generators].sort((a, b) => b.change.value - a.change.value).map((row) =>
    ({ ...row.change, label: row.generator, shape: row.change.low > 0 ? "triangle" : row.change.high < 0 ? "square" : "circle", hollow: !(row.change.low > 0 || row.change.high < 0) })),
  { format: points, tick: (value) => points(value).replace(".0", ""), lines: [{ value: 0, label: "no change" }] }));

  const wins = (one) => vp.table(`${vp.words(one.dimension)}: share of its pairs that a generator wins`, [
    { name: "generator", head: true, get: (r) => r.generator },
    { name: "pairs", number: true, get: (r) => vp.count(r.n) },
    { name: "old", number: true, get: (r) => figure(r.old, vp.percent, share.bound) },
    { name: "new", number: true, get: (r) => figure(r.new, vp.percent, share.bound) },
    { name: "change, points", number: true, get: (r) => figure(r.change, points) }],
  [...one.generators].sort((a, b) => b.change.value - a.change.value), { class: "pivot" });

  const couples = (one) => (one.couples.length > 1 ? vp.table(`${vp.words(one.dimension)}: two generators against each other, those with the most pairs first`, [
    { name: "generator", head: true, get: (r) => r.generator }, { name: "against", get: (r) => r.other },
    { name: "pairs", number: true, get: (r) => vp.count(r.n) },
    { name: "another label", number: true, get: (r) => vp.count(r.flipped) },
    { name: "wins, old", number: true, get: (r) => vp.percent(r.old.value) },
    { name: "wins, new", number: true, get: (r) => vp.percent(r.new.value) },
    { name: "change, points", number: true, get: (r) => figure(r.change, points) }], one.couples, { class: "pivot" }) : null);

  vp.compare.generators = (found) => {
    const some = found.generators.filter((one) => one.generators.length);
    return some.length ? [vp.el("div", { class: some.length === 3 ? "pair three" : "pair" }, some.map(gains)),
      vp.note("A triangle gained and a square lost beyond its interval; an open circle may not have moved. With many generators some"
        + " intervals leave zero out by chance: 1 of 20 where nothing changed."),
      vp.el("details", { class: "on-screen" }, vp.el("summary", null, "All numbers, and generators two by two"), some.map((one) => [wins(one), couples(one),
        one.couples_left_out ? vp.note(`${vp.plural(one.couples_left_out, "pair")} of generators with fewer pairs are not shown.`) : null]))] : [];
  };
})();
