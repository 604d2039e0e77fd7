"use strict";
/* Comparisons of one prompt's clips: what was shown in which order, who was preferred, and why. */
(() => {
  /* Whose verdict is missing: the key without the clip or prompt that it begins with. */
  const owner = ({ stage, key }) => {
    const rest = String(key || "").split("/").slice(1).map(vp.words).join(", ");
    return stage ? ` (${vp.words(stage)}${rest ? `: ${rest}` : ""})` : "";
  };

  /** Whether a reason tells of something that went wrong: a judge that does not judge such clips at all is no fault. */
  vp.isFault = ({ reason }) => reason !== "not_applicable";

  const listed = (failures, kind) => failures.length ? vp.el("ul", { class: "failures" }, failures.map((f) =>
    vp.el("li", null, vp.badge(vp.words(f.reason), kind), " ", f.message, owner(f)))) : null;

  /** What failed and why; what was never to be judged is folded away. */
  vp.failureList = (failures) => {
    const faults = failures.filter(vp.isFault), others = failures.filter((f) => !vp.isFault(f));
    return [listed(faults, "bad"), others.length ? vp.el("details", null,
      vp.el("summary", null, `${vp.plural(others.length, "verdict")} not applicable`), listed(others, "")) : null];
  };

  const order = (c) => c.shown.map((n) => n + 1).join(", ");

  /** Clips by number from the best down; equal ranks share a place. */
  const outcome = (c) => {
    const ranks = vp.unique(c.ranking).sort((a, b) => a - b);
    const places = ranks.map((rank) => c.shown.filter((_, n) => c.ranking[n] === rank).map((n) => n + 1).join(" = "));
    return places.length === 1 ? vp.el("span", { class: "tie" }, `${places[0]} tie`)
      : vp.el("span", { class: "figure" }, places.join(" > "));
  };

  /** The verdict on the same clips, dimension and draw in the other orders. */
  const isOther = (c) => (other) => other !== c && other.annotator === c.annotator && other.dimension === c.dimension
    && other.draw === c.draw && [...other.shown].sort().join() === [...c.shown].sort().join();
  const best = (c) => c.shown.filter((_, n) => c.ranking[n] === Math.min(...c.ranking)).sort().join();
  const agrees = (c, all) => {
    const others = all.filter(isOther(c));
    if (!others.length) return "–";
    return others.every((other) => best(other) === best(c)) ? "same" : vp.el("span", { class: "badge bad" }, "flips");
  };

  vp.comparisonTable = (prompt) => {
    const all = prompt.comparisons, missing = prompt.failures.filter(vp.isFault).length;
    if (!all.length && !prompt.failures.length) return null;
    const sim = prompt.clips.some((clip) => clip.simulated) ? " (simulated clips)" : "";
    const draws = all.some((c) => c.draw > 0);
    const said = all.filter((c) => c.rationale);
    return vp.el("details", { class: "pairs compared" }, vp.el("summary", null, vp.plural(all.length, "comparison"),
      missing ? `, ${missing} missing` : ""),
    all.length ? vp.table(`Who preferred which clip, by number, in the order shown${sim}`, [
      { name: "Judge", head: true, get: (c) => c.annotator },
      { name: "dimension", get: (c) => vp.words(c.dimension) },
      ...(draws ? [{ name: "draw", number: true, get: (c) => c.draw }] : []),
      { name: "shown as", get: order },
      { name: "prefers", get: outcome },
      { name: "other order", get: (c) => agrees(c, all) }], all) : null,
    vp.failureList(prompt.failures),
    said.length ? vp.el("details", { class: "rationales" }, vp.el("summary", null, vp.plural(said.length, "rationale")),
      said.map((c) => vp.el("div", { class: "rationale" },
        vp.el("p", { class: "by" }, `${c.annotator} · ${vp.words(c.dimension)} · shown ${order(c)} · prefers `, outcome(c),
          draws ? ` · draw ${c.draw}` : ""),
        vp.el("p", { class: "said" }, c.rationale)))) : null);
  };
})();
