"use strict";
/* The scores of one clip: every draw and every rater on the scale, over how all clips were scored by that source. */
(() => {
  const x = vp.explore;
  const WIDTH = 110, HEIGHT = 24, EDGE = 6, FLOOR = 20, USUAL = 5; // characters of a score that has room
  const CONSENSUS = "consensus", RATERS = "raters";

  /* ---- distributions ------------------------------------------------------------------------ */
  const PARTS = 16;
  const stepped = (low, high) => Number.isInteger(low) && Number.isInteger(high) && high - low >= 2 && high - low <= 10;

  /** How full each half point of a short scale is, or each of sixteen parts of another: the fullest is 1. */
  x.histogram = (values, low, high) => {
    const half = stepped(low, high), size = half ? 2 * (high - low) + 1 : PARTS, counts = new Array(size).fill(0);
    const place = (v) => (half ? Math.round((v - low) * 2) : Math.floor(((v - low) / (high - low)) * PARTS));
    for (const value of values) if (value !== null) counts[Math.max(0, Math.min(size - 1, place(value)))] += 1;
    const most = Math.max(...counts);
    return counts.map((n) => (most ? n / most : 0));
  };

  const kept = new WeakMap(); // of a column: its ends and its histograms
  /** [lowest, highest] known value of a column. */
  x.ends = (values) => {
    if (!kept.has(values)) {
      let low = Infinity, high = -Infinity;
      for (const v of values) if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); }
      kept.set(values, { ends: low <= high ? [low, high] : null, histograms: new Map() });
    }
    return kept.get(values).ends;
  };
  const histogram = (values, low, high) => {
    x.ends(values);
    const { histograms } = kept.get(values), key = `${low} ${high}`;
    if (!histograms.has(key)) histograms.set(key, x.histogram(values, low, high));
    return histograms.get(key);
  };

  /* ---- the strip ---------------------------------------------------------------------------- */
  /* Bars of half points stand over their value, those of parts between two. */
  const bars = (shares, half) => {
    const wide = (WIDTH - 2 * EDGE) / (half ? shares.length - 1 : shares.length), width = Math.min(wide, 2 * EDGE) - 1;
    return shares.map((share, n) => (!share ? null : vp.svg("rect", { class: "faint", y: FLOOR - 16 * share, height: 16 * share,
      x: EDGE + (half ? n : n + 0.5) * wide - width / 2, width })));
  };

  const shapes = {
    dot: (cx, cy) => vp.svg("circle", { class: "dot", cx, cy, r: 2.7 }),
    triangle: (cx, cy) => vp.svg("path", { class: "triangle", d: `M${cx} ${cy - 3.2}l3.2 5.6h-6.4z` }),
  };
  const marks = (values, at, shape) => {
    const seen = new Map();
    return values.map((value) => {
      const cx = Math.round(at(value)), level = seen.get(cx) || 0;
      seen.set(cx, level + 1);
      return shapes[shape](cx, FLOOR - 3.2 - 4.6 * Math.min(level, 3));
    });
  };

  /** One source's opinion of a clip: ``values`` (draws or raters) as marks, ``mean`` and ``spread`` above them. */
  const strip = ({ name, values, mean, spread, low, high, all, shape }) => {
    const score = (value) => vp.score(value, high - low);
    const at = (value) => vp.scale(low, high, EDGE, WIDTH - EDGE)(Math.max(low, Math.min(high, value)));
    const several = values.length > 1 || !values.length;
    return vp.svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "strip-of-scores", role: "img",
      "aria-label": `${name}: ${score(mean)} on ${score(low)} to ${score(high)}${values.length > 1 ? `; each: ${values.map(score).join(", ")}` : ""}` },
    all ? bars(histogram(all, low, high), stepped(low, high)) : null,
    vp.svg("line", { class: "axis", x1: EDGE, x2: WIDTH - EDGE, y1: FLOOR + 0.5, y2: FLOOR + 0.5 }),
    vp.isNumber(spread) && spread > 0 ? vp.svg("line", { class: "spread", x1: at(mean - spread), x2: at(mean + spread), y1: 3.5, y2: 3.5 }) : null,
    several ? vp.svg("line", { class: "mean", x1: at(mean), x2: at(mean), y1: 1, y2: FLOOR }) : null,
    marks(values, at, shape));
  };

  /* ---- rows --------------------------------------------------------------------------------- */
  const known = (column) => (column && x.ends(column)) || [];
  const spanning = (values) => (values.length && Math.max(...values) > Math.min(...values) ? [Math.min(...values), Math.max(...values)] : null);

  /** The ends of a judge's scale, else those of all its scores, else none. */
  const judgeEnds = ({ low, high }, column, values) =>
    (vp.isNumber(low) && vp.isNumber(high) && high > low ? [low, high] : spanning([...known(column), ...values]));

  /* People are drawn on the judges' scale where every score of theirs fits on it, else between whole points, so that
     the scale is the same for all clips: the column holds means, and single scores lie further out. */
  const raterEnds = ({ low, high }, column, values) => {
    const all = [...known(column), ...values];
    if (vp.isNumber(low) && all.every((value) => value >= low && value <= high)) return [low, high];
    return spanning([...all.map(Math.floor), ...all.map(Math.ceil)]);
  };

  const row = ({ name, kind, values, mean, spread, n, ends, all, simulated, shape }) => {
    const score = (value) => vp.score(value, ends ? ends[1] - ends[0] : 0);
    const more = [vp.isNumber(spread) && n > 1 ? `± ${score(spread)}` : "", n > 1 ? `n ${n}` : ""].filter(Boolean).join(", ");
    const each = values.length > 1 ? vp.el("span", { class: "each" }, values.map(score).join(" ")) : null;
    return vp.el("tr", { class: kind },
      vp.el("th", { scope: "row" }, name, simulated ? vp.el("span", { class: "sim-text" }, " simulated") : null,
        more || each ? vp.el("span", { class: "interval" }, more, each) : null),
      vp.el("td", { class: "on-scale" }, ends ? strip({ name, values, mean, spread, low: ends[0], high: ends[1], all, shape }) : null),
      vp.el("td", { class: "number figure" }, score(mean)));
  };

  const judgeRow = (score, columns) => {
    const values = score.draws.map((draw) => draw.score), all = columns && columns.scores[score.annotator];
    return row({ name: score.annotator, kind: score.annotator === CONSENSUS ? CONSENSUS : "judge", values, mean: score.mean,
      spread: score.spread, n: score.n, ends: judgeEnds(score, all, values), all, shape: "dot" });
  };

  /* The column holds the mean of all human dimensions that stand for one of ours: the distribution of one only where it is alone. */
  const raterRow = (rating, dimension, columns, scale, alone) => {
    const values = rating.scores || [], all = columns && columns.scores[RATERS];
    return row({ name: rating.dimension === dimension ? RATERS : `${RATERS}, ${vp.words(rating.dimension)}`, kind: RATERS, values,
      mean: rating.mean, n: rating.n, ends: raterEnds(scale, all, values), all: alone && all, simulated: rating.simulated, shape: "triangle" });
  };

  /* What follows from the other dimensions is told by the consensus alone. */
  const shownScores = (scores) => {
    const judges = scores.filter((s) => s.annotator !== CONSENSUS), consensus = scores.filter((s) => s.annotator === CONSENSUS);
    if (consensus.length && judges.every((s) => !s.draws.length)) return consensus;
    return judges.length === 1 ? judges : [...consensus, ...judges];
  };

  const ratingsFor = (clip, dimension, answers) =>
    clip.ratings.filter((rating) => (answers[dimension] || [dimension]).includes(rating.dimension));

  /** Dimensions of a clip: overall first, then those that annotators scored, then those that only people did. */
  const dimensionsOf = (clip, answers) => {
    const claimed = Object.values(answers).flat(), own = vp.unique(clip.scores.map((s) => s.dimension)).sort(); // alike for all clips
    const rest = clip.ratings.map((r) => r.dimension).filter((d) => !claimed.includes(d) && !own.includes(d));
    return vp.unique([...own.filter((d) => d === "overall"), ...own, ...rest]);
  };

  /** Scores by dimension: the consensus, every annotator, the raters. ``columns`` maps dimensions to their columns. */
  x.scoreTable = (clip, answers, columns) => {
    const bodies = dimensionsOf(clip, answers).map((dimension) => {
      const scores = clip.scores.filter((s) => s.dimension === dimension), own = columns.get(dimension);
      const scale = scores.find((s) => vp.isNumber(s.low)) || {}, ratings = ratingsFor(clip, dimension, answers);
      return vp.el("tbody", null,
        vp.el("tr", { class: "group" }, vp.el("th", { colspan: "3", scope: "colgroup" }, vp.words(dimension))),
        shownScores(scores).map((s) => judgeRow(s, own)),
        ratings.map((r) => raterRow(r, dimension, own, scale, ratings.length === 1)));
    });
    const longest = Math.max(0, ...bodies.flatMap((body) => [...body.querySelectorAll(".figure")].map((cell) => cell.textContent.length)));
    const table = (...parts) => vp.el("table", { class: longest > USUAL ? "scores long-numbers" : "scores" }, parts);
    return bodies.length ? table(
      vp.el("caption", { class: "hidden" }, `Scores of ${clip.generator}`),
      vp.el("colgroup", null, ["who", "on-scale", "score"].map((name) => vp.el("col", { class: `col-${name}` }))),
      vp.el("thead", { class: "hidden" }, vp.el("tr", null, ["Who", "On the scale", "Score"].map((t) => vp.el("th", { scope: "col" }, t)))),
      bodies) : vp.el("p", { class: "muted" }, "No scores.");
  };
})();
