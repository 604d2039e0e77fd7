"use strict";
/* Where to look first: what the data have of it, each with its count and the filters that show it. */
(() => {
  const x = vp.explore;
  const LABELS = "labels", RATERS = "raters", LOWEST_SHARE = 0.05, REASONS = 4;
  x.CLIP_CHECK = "clip check";

  const margins = (index) => vp.unique(index.dimensions.flatMap((d) => d.margins));
  x.judges = (index) => margins(index).filter((name) => name !== RATERS && !/^labels( of |$)/.test(name));
  const sum = (values) => values.reduce((total, n) => total + n, 0);
  const some = (values) => values.reduce((total, n) => total + (n > 0 ? 1 : 0), 0);
  const together = (index, [one, other]) => index.dimensions.some((d) => d.margins.includes(one) && d.margins.includes(other));

  const opposite = (layout, columns, sources, title) => {
    const { pairs } = x.disagreement(layout, columns, sources);
    return { title, count: vp.plural(sum(pairs), "pair"), prompts: some(pairs), n: sum(pairs), changes: { part: sources.join(":") } };
  };

  /** The two judges that decide most pairs in opposite ways. */
  const judgesApart = (layout, columns) => {
    const judges = x.judges(layout.index), found = [];
    judges.forEach((one, n) => judges.slice(n + 1).forEach((other) =>
      found.push(opposite(layout, columns, [one, other], `${one} against ${other}`))));
    return found.sort((a, b) => b.n - a.n).slice(0, 1);
  };

  const drawsApart = (layout, columns) => {
    const annotators = vp.unique(layout.index.dimensions.flatMap((d) => d.spread));
    return annotators.map((who) => {
      const clips = new Set();
      columns.forEach(({ spread }) => (spread[who] || []).forEach((value, clip) => { if (value > 0) clips.add(clip); }));
      return { title: `Draws of ${who} differ`, count: vp.plural(clips.size, "clip"), n: clips.size,
        prompts: some(x.spread(layout, columns, who)), changes: { part: `draws:${who}` } };
    }).sort((a, b) => b.n - a.n).slice(0, 1);
  };

  const tied = (layout, columns) => {
    const prompts = some(x.ties(layout, columns, LABELS));
    return { title: "Nothing but ties", count: "", prompts, n: prompts, changes: { part: `ties:${LABELS}` } };
  };

  const lowest = (layout, columns) => {
    const { dimension, source } = x.scoreAsked(layout.index, x.NOTHING);
    const column = (columns.find((c) => c.dimension === dimension) || { scores: {} }).scores[source];
    const most = column ? x.quantile(column, LOWEST_SHARE) : null;
    if (most === null) return null;
    const clips = column.flatMap((value, clip) => (value !== null && value <= most ? [clip] : []));
    const met = new Uint8Array(layout.clips);
    clips.forEach((clip) => { met[clip] = 1; });
    const prompts = layout.words.filter((_, p) => met.subarray(layout.starts[p], layout.starts[p + 1]).includes(1)).length;
    return { title: `Lowest scores, ${vp.words(dimension)} ≤ ${vp.score(most)}`, count: vp.plural(clips.length, "clip"), n: clips.length,
      prompts, changes: { dimension, source, max: String(most), order: "lowest" } };
  };

  /** Failures and what clip checks found, by reason, the most frequent first: from the index alone. */
  const reasons = (index) => index.reasons.map(({ stage, reason, clips, prompts }) => ({
    title: stage === x.CLIP_CHECK ? `Clip check: ${vp.words(reason)}` : `${vp.words(reason)} (${stage})`, n: clips + prompts,
    count: [clips && vp.plural(clips, "clip"), prompts && vp.plural(prompts, "prompt")].filter(Boolean).join(", "),
    changes: { reason: `${stage}.${reason}` } }));

  /** Every preset that finds something: {title, count, prompts?, changes}; those of scores once ``columns`` (all) are there. */
  x.presets = (layout, columns) => {
    const { index } = layout, own = reasons(index);
    const failed = own.filter((_, n) => index.reasons[n].stage !== x.CLIP_CHECK && vp.isFault(index.reasons[n])), checked = own.filter((_, n) => index.reasons[n].stage === x.CLIP_CHECK);
    const scored = columns ? [together(index, [LABELS, RATERS]) ? opposite(layout, columns, [LABELS, RATERS], "Labels against raters") : null,
      ...judgesApart(layout, columns), ...drawsApart(layout, columns), lowest(layout, columns), tied(layout, columns)] : [];
    return [...scored, ...failed.slice(0, REASONS), ...checked.slice(0, REASONS)].filter((preset) => preset && preset.n);
  };

  /** {list, mark}: the buttons, of which ``choose(changes)`` sets the filters; ``mark(state)`` shows which one is set. */
  x.presetButtons = (presets, choose) => {
    const buttons = presets.map(({ title, count, prompts, changes }) => vp.el("button", { type: "button", class: "preset", onclick: () => choose(changes) },
      vp.el("span", { class: "name" }, title), " ",
      vp.el("span", { class: "counted" }, [count, vp.isNumber(prompts) ? vp.plural(prompts, "prompt") : null].filter(Boolean).join(" · "))));
    const isSet = ({ changes }, state) => x.FILTERS.every((name) => state[name] === (changes[name] || ""));
    return { list: vp.el("ul", { class: "presets" }, buttons.map((button) => vp.el("li", null, button))),
      mark: (state) => buttons.forEach((button, n) => button.setAttribute("aria-pressed", String(isSet(presets[n], state)))) };
  };
})();
