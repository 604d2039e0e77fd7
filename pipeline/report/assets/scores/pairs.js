"use strict";
/* Pairs of clips within a prompt: how many, how many are ties, in which split. */
(() => {
  const SPLITS = ["train", "validation", "test"];

  /** One bar per dimension and split, all on one scale: decided pairs full, ties hatched. */
  const bars = (rows) => vp.chart("Decided pairs and ties by dimension and split", (width) => {
    const narrow = width < 620, row = narrow ? 44 : 28, left = narrow ? 0 : 210, right = width - (narrow ? 0 : 200), gap = 10;
    const most = Math.max(...rows.map((r) => r.pairs), 1), hatch = vp.hatch();
    let y = 2;
    const drawn = rows.map((r, n) => {
      if (n && rows[n - 1].dimension !== r.dimension) y += gap;
      const at = y, x = vp.scale(0, most, left, right), decided = r.pairs - r.ties;
      y += row;
      const high = narrow ? at + 20 : at + 4, name = `${vp.words(r.dimension)}, ${r.split}`;
      const value = `${vp.count(decided)} + ${vp.plural(r.ties, "tie")} (${vp.percent(r.ties / r.pairs)})`;
      return vp.svg("g", null,
        vp.svg("title", null, `${name}: ${vp.plural(r.pairs, "pair")}, ${vp.plural(r.ties, "tie")}`),
        decided > 0 && vp.svg("rect", { class: "bar", x: left, y: high, width: Math.max(x(decided) - left - 0.5, 1), height: 16 }),
        r.ties > 0 && vp.svg("rect", { class: "tied", x: x(decided), y: high, width: Math.max(x(r.pairs) - x(decided), 1), height: 16, fill: hatch.fill }),
        ...(narrow ? [vp.text(0, at + 14, name), vp.text(width, at + 14, value, { "text-anchor": "end", class: "small" })]
          : [vp.text(left - 10, at + 17, name, { "text-anchor": "end" }), vp.text(x(r.pairs) + 9, at + 17, value, { class: "small" })]));
    });
    return vp.canvas(width, y + 4, hatch.defs, drawn);
  });

  const key = () => {
    const hatch = vp.hatch();
    const sample = (rect) => vp.canvas(22, 12, hatch.defs, rect);
    return vp.el("ul", { class: "legend", "aria-hidden": "true" },
      vp.el("li", null, sample(vp.svg("rect", { class: "bar", x: 0, y: 0, width: 22, height: 12 })), "decided"),
      vp.el("li", null, sample(vp.svg("rect", { class: "tied", x: 0.5, y: 0.5, width: 21, height: 11, fill: hatch.fill })), "tie"));
  };

  vp.preferences = ({ run }) => {
    if (!run.preferences.length) return [vp.note("No pairs were written.")];
    const splits = SPLITS.filter((s) => run.preferences.some((p) => p.split === s));
    const rows = vp.unique(run.preferences.map((p) => p.dimension)).map((dimension) => {
      const of = (split) => run.preferences.filter((p) => p.dimension === dimension && (!split || p.split === split));
      const sum = (split, field) => of(split).reduce((total, p) => total + p[field], 0);
      return { dimension, sum };
    });
    const compared = run.preferences.some((p) => p.compared), all = (field) => rows.reduce((total, r) => total + r.sum("", field), 0);
    const ordered = rows.flatMap((r) => splits.flatMap((split) => run.preferences.filter((p) => p.dimension === r.dimension && p.split === split)));
    const cell = (r, split) => [vp.count(r.sum(split, "pairs")), vp.el("span", { class: "n line" }, vp.plural(r.sum(split, "ties"), "tie"))];
    return [
      vp.el("p", { class: "lead" }, `${vp.plural(all("pairs"), "pair")} of clips of one prompt, ${vp.count(all("pairs") - all("ties"))} decided. Equal scores are ties and are kept as ties;`
        + ` no prompt stands in two splits.${compared ? " A pair rests on scores of each clip on its own, or on comparisons of the two." : ""}`),
      vp.el("figure", null, key(), bars(ordered), vp.el("figcaption", null, `Pairs by dimension and split, one scale for all${vp.simulatedWords(run, "clips")}.`)),
      vp.table(`Pairs and ties per dimension and split${vp.simulatedWords(run, "clips")}`, [
        { name: "Dimension", head: true, get: (r) => vp.words(r.dimension) },
        { name: "pairs", number: true, get: (r) => vp.count(r.sum("", "pairs")) },
        { name: "decided", number: true, get: (r) => vp.count(r.sum("", "pairs") - r.sum("", "ties")) },
        { name: "ties", number: true, get: (r) => `${vp.count(r.sum("", "ties"))} (${vp.percent(r.sum("", "ties") / r.sum("", "pairs"))})` },
        ...(compared ? [{ name: "from comparisons", number: true, get: (r) => vp.count(r.sum("", "compared")) }] : []),
        ...splits.map((split) => ({ name: split, number: true, get: (r) => cell(r, split) })),
      ], rows, { class: "pivot" })];
  };
})();
