"use strict";
/* What is measured of every prompt from the columns alone: disagreement, spread, extremes, ties. Nothing here draws.

   Columns stand as the data scripts have them: clips one prompt after the other, and pairs of a prompt in the order
   (0,1), (0,2), .. (1,2), ..; a positive margin prefers the first clip, 0 is a tie, null is not known. */
vp.explore = {};
(() => {
  const x = vp.explore;

  /** Where the clips and pairs of every prompt begin, and what is searched in: of an ``index``. */
  x.layout = (index) => {
    const prompts = index.ids.length, starts = index.starts, pairStarts = new Int32Array(prompts + 1);
    for (let p = 0; p < prompts; p += 1) {
      const size = starts[p + 1] - starts[p];
      pairStarts[p + 1] = pairStarts[p] + (size * (size - 1)) / 2;
    }
    return { index, prompts, starts, pairStarts, clips: starts[prompts], place: new Map(index.ids.map((id, n) => [id, n])),
      words: index.texts.map((text, n) => `${text}\n${index.ids[n]}`.toLowerCase()) };
  };

  /** Where the pair of clips i < j stands among the pairs of ``size`` clips. */
  x.pairPlace = (size, i, j) => i * size - (i * (i + 1)) / 2 + j - i - 1;

  /** The root of the mean square of all known values; 0 where none is known. About zero, not about their mean:
      which clip of a pair stands first is arbitrary, so a mean margin would be too. */
  x.deviation = (values) => {
    let sum = 0, n = 0;
    for (const value of values) if (value !== null) { sum += value * value; n += 1; }
    return n ? Math.sqrt(sum / n) : 0;
  };

  /* Calls ``visit(prompt, pair)`` for every pair, or for those with a clip of ``mask``. */
  const eachPair = (layout, mask, visit) => {
    for (let p = 0, pair = 0; p < layout.prompts; p += 1) {
      const end = layout.starts[p + 1];
      for (let i = layout.starts[p]; i < end; i += 1) {
        for (let j = i + 1; j < end; j += 1, pair += 1) if (!mask || mask[i] || mask[j]) visit(p, pair);
      }
    }
  };

  /** Where two sources decide pairs in opposite ways, over some columns: ``pairs`` (how many) and ``size`` of every prompt.
      The size of a pair is the product of the two margins, each in deviations of its source, and the largest pair of a prompt
      counts, as in the audit's worst disagreements. ``mask`` (clips): only pairs with such a clip. */
  x.disagreement = (layout, columns, [one, other], mask = null) => {
    const size = new Float64Array(layout.prompts), pairs = new Uint32Array(layout.prompts);
    for (const { margins } of columns) {
      const a = margins[one], b = margins[other];
      if (!a || !b) continue;
      const unit = x.deviation(a) * x.deviation(b);
      eachPair(layout, mask, (p, pair) => {
        const product = a[pair] * b[pair]; // null counts as 0
        if (product >= 0) return;
        pairs[p] += 1;
        size[p] = Math.max(size[p], -product / unit);
      });
    }
    return { size, pairs };
  };

  /** The largest spread of draws of every prompt's clips, NaN where there is none. */
  x.spread = (layout, columns, annotator, mask = null) => {
    const largest = new Float64Array(layout.prompts).fill(NaN);
    for (const { spread } of columns) {
      if (spread[annotator]) largest.forEach((_, p) => { largest[p] = x.extremes(layout, spread[annotator], p, mask, largest[p])[1]; });
    }
    return largest;
  };

  /** The lowest and the highest known value of a prompt's clips, [NaN, NaN] where none is known. */
  x.extremes = (layout, column, p, mask = null, start = NaN) => {
    let low = start, high = start;
    for (let clip = layout.starts[p]; clip < layout.starts[p + 1]; clip += 1) {
      const value = column[clip];
      if (value === null || (mask && !mask[clip])) continue;
      if (!(value >= low)) low = value;
      if (!(value <= high)) high = value;
    }
    return [low, high];
  };

  /** The smallest and the largest size of the known margins of every prompt, NaN where none is known. */
  x.margins = (layout, column, mask = null) => {
    const smallest = new Float64Array(layout.prompts).fill(NaN), largest = new Float64Array(layout.prompts).fill(NaN);
    eachPair(layout, mask, (p, pair) => {
      if (column[pair] === null) return;
      const size = Math.abs(column[pair]);
      if (!(size >= smallest[p])) smallest[p] = size;
      if (!(size <= largest[p])) largest[p] = size;
    });
    return { smallest, largest };
  };

  /** How many pairs of every prompt a source ties, 0 where it decides one or knows none. */
  x.ties = (layout, columns, source) => {
    const tied = new Uint32Array(layout.prompts), decided = new Uint8Array(layout.prompts);
    for (const { margins } of columns) {
      if (margins[source]) eachPair(layout, null, (p, pair) => {
        if (margins[source][pair] === 0) tied[p] += 1;
        else if (margins[source][pair] !== null) decided[p] = 1;
      });
    }
    return tied.map((n, p) => (decided[p] ? 0 : n));
  };

  /** The value below or at which a share of all known ones lies; null where none is known. */
  x.quantile = (column, share) => {
    const known = Float64Array.from(column.filter((value) => value !== null)).sort();
    return known.length ? known[Math.max(0, Math.ceil(share * known.length) - 1)] : null;
  };
})();
