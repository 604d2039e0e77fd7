"use strict";
/* Which prompts match what is asked, and in which order. Nothing here draws, and no prompt file is needed. */
(() => {
  const x = vp.explore;
  const LABELS = "labels", RATERS = "raters", CONSENSUS = "consensus";
  x.ORDERS = { run: "as the run has them", disagreement: "largest disagreement", lowest: "lowest score", highest: "highest score",
    closest: "smallest margin", widest: "largest margin" };

  const named = (index, name) => index.dimensions.find((dimension) => dimension.name === name);
  const best = (list, ...wanted) => wanted.find((name) => list.includes(name)) ?? list[0];

  /** The dimension and source that scores are asked of: what is named, else the overall consensus or what comes nearest. */
  x.scoreAsked = (index, state) => {
    const dimensions = index.dimensions.filter(({ scores }) => scores.length && (!state.source || scores.includes(state.source)));
    const dimension = state.dimension || best(dimensions.map(({ name }) => name), "overall");
    const { scores = [] } = named(index, dimension) || {};
    return { dimension, source: state.source || best(scores, CONSENSUS, RATERS) };
  };

  /** Whose margins an order by margin means: the source asked for, else the labels. */
  const marginSource = (columns, state) => best(Object.keys(columns.margins), state.source, LABELS, RATERS);

  /** What ``part`` says: {kind: "pair", sources}, {kind: "draws", annotator}, {kind: "ties", source}, or null.
      Names may hold colons, so both ends have to be known names. */
  x.partAsked = (index, part) => {
    const all = (field) => new Set(index.dimensions.flatMap((dimension) => dimension[field]));
    const margins = all("margins");
    for (let at = part.indexOf(":"); at > 0; at = part.indexOf(":", at + 1)) {
      const [one, other] = [part.slice(0, at), part.slice(at + 1)];
      if (margins.has(one) && margins.has(other)) return { kind: "pair", sources: [one, other] };
      if (one === "draws" && all("spread").has(other)) return { kind: "draws", annotator: other };
      if (one === "ties" && margins.has(other)) return { kind: "ties", source: other };
    }
    return null;
  };

  /** Names of the dimensions whose columns an answer needs. */
  x.needs = (index, state) => {
    const own = index.dimensions.filter(({ name }) => !state.dimension || name === state.dimension).map(({ name }) => name);
    const score = state.min !== "" || state.max !== "" || !["", "run", "disagreement"].includes(state.order);
    return vp.unique([...(state.part ? own : []), ...(score ? [x.scoreAsked(index, state).dimension] : [])])
      .filter((name) => named(index, name));
  };

  const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const reasonAsked = (index, name) => index.reasons.findIndex(({ stage, reason }) => `${stage}.${reason}` === name);

  /** The clips (0 or 1 each) that meet every condition on a clip at once; null where there is none. */
  x.clipMask = (layout, columns, state, { withReason = true } = {}) => {
    const { index } = layout, reason = withReason && state.reason ? reasonAsked(index, state.reason) : null;
    const range = state.min !== "" || state.max !== "";
    if (!state.generator && reason === null && !range) return null;
    const generator = state.generator ? index.generators.indexOf(state.generator) : null;
    const score = x.scoreAsked(index, state);
    const values = range ? ((columns.get(score.dimension) || {}).scores || {})[score.source] || [] : null;
    const low = state.min === "" ? -Infinity : Number(state.min), high = state.max === "" ? Infinity : Number(state.max);
    const mask = new Uint8Array(layout.clips);
    for (let clip = 0; clip < layout.clips; clip += 1) {
      const value = values && (values[clip] ?? NaN);
      mask[clip] = (generator === null || index.generator[clip] === generator)
        && (!values || (value >= low && value <= high))
        && (reason === null || (index.clip_reasons[clip] || []).includes(reason)) ? 1 : 0;
    }
    return mask;
  };

  const someClip = (layout, mask, p) => {
    for (let clip = layout.starts[p]; clip < layout.starts[p + 1]; clip += 1) if (mask[clip]) return true;
    return false;
  };

  /* Every test that a prompt has to pass. A reason may be the prompt's own: then the other conditions are one clip's. */
  const tests = (layout, columns, state, mask, part) => {
    const { index } = layout, found = [];
    const words = wordsOf(state.q), split = index.splits.indexOf(state.split), reason = reasonAsked(index, state.reason);
    if (words.length) found.push((p) => words.every((word) => layout.words[p].includes(word)));
    if (state.split) found.push((p) => split >= 0 && index.split[p] === split);
    if (mask) {
      const others = state.reason ? x.clipMask(layout, columns, state, { withReason: false }) : null;
      const own = (p) => state.reason && (index.prompt_reasons[p] || []).includes(reason);
      found.push((p) => someClip(layout, mask, p) || (own(p) && (!others || someClip(layout, others, p))));
    }
    if (state.part) found.push((p) => part !== null && part[p] > 0);
    return found;
  };

  const partMeasure = (layout, columns, state, mask) => {
    const asks = x.partAsked(layout.index, state.part), own = [...columns.values()].filter((c) => !state.dimension || c.dimension === state.dimension);
    if (!asks) return null;
    if (asks.kind === "pair") return x.disagreement(layout, own, asks.sources, mask).size;
    return asks.kind === "draws" ? x.spread(layout, own, asks.annotator, mask) : x.ties(layout, own, asks.source);
  };

  /* What the order goes by, the largest first; null: as the run has them. */
  const orderMeasure = (layout, columns, state, mask, part) => {
    const order = state.order || (part ? "disagreement" : "run");
    if (order === "disagreement") return part;
    const { dimension, source } = x.scoreAsked(layout.index, state), own = columns.get(dimension);
    if (order === "run" || !own) return null;
    if (order === "lowest" || order === "highest") {
      const end = order === "lowest" ? 0 : 1, sign = end ? 1 : -1, column = own.scores[source];
      return column ? Float64Array.from(layout.words, (_, p) => sign * x.extremes(layout, column, p, mask)[end]) : null;
    }
    const margins = own.margins[marginSource(own, state)];
    if (!margins) return null;
    const { smallest, largest } = x.margins(layout, margins, mask);
    return order === "widest" ? largest : smallest.map((value) => -value);
  };

  /** Prompts that match, in order: {prompts, mask, part}. ``columns`` maps dimensions to what was loaded of them; ``part``
      is the measure of disagreement of every prompt, null where none is asked for. */
  x.match = (layout, columns, state) => {
    const mask = x.clipMask(layout, columns, state);
    const part = state.part ? partMeasure(layout, columns, state, mask) : null;
    const all = tests(layout, columns, state, mask, part), prompts = [];
    for (let p = 0; p < layout.prompts; p += 1) if (all.every((test) => test(p))) prompts.push(p);
    const measure = orderMeasure(layout, columns, state, mask, part);
    const of = (p) => (Number.isNaN(measure[p]) ? -Infinity : measure[p]);
    if (measure) prompts.sort((a, b) => of(b) - of(a) || a - b);
    return { prompts, mask, part };
  };
})();
