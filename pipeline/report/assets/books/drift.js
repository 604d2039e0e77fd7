"use strict";
/* Did a judge change? Scores of the sentinels over their occasions. */
(() => {
  const interval = (row) => (!vp.isNumber(row.shift) ? "–" : vp.isNumber(row.low) && vp.isNumber(row.high)
    ? `${vp.signed(row.shift)} [${vp.signed(row.low)}, ${vp.signed(row.high)}]` : vp.signed(row.shift));
  const p = (value) => (!vp.isNumber(value) ? "–" : value < 0.001 ? "< 0.001" : vp.fixed(value, 3));
  const when = (time) => `${time.slice(0, 16).replace("T", " ")} UTC`;
  const MARK = { changed: "triangle", same: "circle", unknown: "diamond" };
  const verdict = (row) => (row.changed ? "changed" : row.able === false ? "unknown" : "same");
  const STAMP = 62, VALUE = 160; // px that a time and an interval take beside their like
  const WORDS = { changed: "changed", same: "no change seen", unknown: "cannot tell" };

  /** The verdict as a shape and as words: a triangle, a circle, a hollow diamond. */
  const told = (row) => {
    const kind = verdict(row), sample = vp.canvas(14, 14, vp.svg("g", { class: `drift ${kind}` }, vp.marker(MARK[kind], 7, 7, kind === "unknown")));
    sample.setAttribute("aria-hidden", "true");
    return vp.el("span", { class: "verdict" }, sample, vp.badge(WORDS[kind], { changed: "bad", same: "good" }[kind]));
  };

  /** Where ticks of time stand: real distances where they can be told apart, else one after the other. */
  const positions = (series, from, to) => {
    const times = series.map((one) => Date.parse(one.time)), span = times[times.length - 1] - times[0];
    const gap = (to - from) / Math.max(series.length - 1, 1);
    const even = series.map((_, n) => (series.length > 1 ? from + n * gap : (from + to) / 2));
    const real = times.map((time) => from + ((time - times[0]) / (span || 1)) * (to - from));
    const apart = span > 0 && real.every((x, n) => !n || x - real[n - 1] >= Math.min(STAMP, gap));
    return { x: apart ? real : even, apart };
  };

  const stamp = (one, series) => {
    const days = vp.unique(series.map((s) => s.time.slice(0, 10)));
    return days.length > 1 ? one.time.slice(5, 10) : one.time.slice(11, 19);
  };

  const plot = (row) => vp.chart(`${row.annotator}: shift of the sentinels' scores over ${row.series.length} occasions`, (width) => {
    const series = row.series, height = 226, left = 52, right = width - 14, top = 42, base = height - 44;
    const ends = series.flatMap((one) => [one.shift, one.low, one.high]).filter(vp.isNumber);
    const reach = Math.max(0.25, ...ends.map(Math.abs)) * 1.12, y = vp.scale(-reach, reach, base, top);
    const { x } = positions(series, left + 18, right - 18), kind = verdict(row);
    // the verdict is of the most telling occasion, which need not be the last
    const found = series.findIndex((one) => one.occasion === row.occasion), judged = found < 0 ? series.length - 1 : found;
    const first = series.findIndex((one) => vp.isNumber(one.shift));
    const grid = vp.ticks(-reach, reach, 4).map((tick) => vp.svg("g", null,
      vp.svg("line", { x1: left, x2: right, y1: y(tick.value), y2: y(tick.value), class: "grid" }),
      vp.text(left - 7, y(tick.value) + 4, vp.signed(tick.value, reach < 0.6 ? 2 : 1), { class: "small", "text-anchor": "end" })));
    const every = Math.ceil((series.length * STAMP) / (right - left));
    const marks = series.map((one, n) => {
      const label = n % every === 0 ? [vp.text(x[n], base + 18, stamp(one, series), { class: "small", "text-anchor": "middle" }),
        vp.text(x[n], base + 34, `n = ${one.n_clips}`, { class: "small", "text-anchor": "middle" })] : null;
      if (!vp.isNumber(one.shift)) return label;
      const last = n === series.length - 1, telling = n === judged;
      return vp.svg("g", { class: `drift ${telling ? kind : ""}` },
        vp.svg("title", null, `${when(one.time)}, ${one.run}, ${one.wave}: ${interval(one)} points on ${vp.plural(one.n_clips, "clip")}`),
        vp.isNumber(one.low) && vp.svg("path", { class: "whisker", d: `M${x[n]} ${y(one.low)}V${y(one.high)}M${x[n] - 5} ${y(one.low)}h10M${x[n] - 5} ${y(one.high)}h10` }),
        vp.marker(n === first ? "square" : telling ? MARK[kind] : "circle", x[n], y(one.shift), n === first || (telling && kind === "unknown")),
        (telling || (last && x[n] - x[judged] > VALUE)) && n !== first ? vp.text(Math.min(x[n], right - 4), y(Math.max(one.high ?? one.shift, one.shift)) - 9, interval(one), { class: "value", "text-anchor": x[n] < VALUE ? "start" : "end" }) : null, label);
    });
    return vp.canvas(width, height, vp.text(2, 13, "points against the first occasion", { class: "small" }), grid,
      vp.svg("line", { x1: left, x2: right, y1: y(0), y2: y(0), class: "reference" }), marks);
  });

  const occasions = (row) => vp.table(`${row.annotator}: every occasion`, [
    { name: "Occasion", head: true, get: (one) => when(one.time) },
    { name: "run", get: (one) => one.run }, { name: "before", get: (one) => one.wave },
    { name: "mean score", number: true, get: (one) => vp.fixed(one.mean) },
    { name: "scores", number: true, get: (one) => vp.count(one.n_scores) },
    { name: "against the first, in points", number: true, get: (one) => (one === row.series.find((any) => vp.isNumber(any.shift)) ? "first" : interval(one)) },
    { name: "clips", number: true, get: (one) => vp.count(one.n_clips) }], row.series);

  vp.drift = ({ run, judges }) => {
    const found = judges && judges.sentinels;
    if (!found || !found.judges.length) return null;
    const words = vp.simulatedWords(run, "clips"), n = (found.occasions || []).length;
    const drawn = found.judges.filter((row) => (row.series || []).filter((one) => vp.isNumber(one.shift)).length > 1);
    const bad = found.judges.filter((row) => row.changed || row.new_models && row.new_models.length);
    return [vp.el("p", { class: "lead" }, vp.el("strong", null, bad.length ? `${bad.map((row) => row.annotator).join(", ")} changed. ` : ""),
      `Sentinels are ${vp.plural(found.clips, "clip")} that every judge scored again, ${vp.plural(found.draws, "time")} each, on ${vp.plural(n, "occasion")} of this run.`
        + ` A change is called where its adjusted p is at most ${found.alpha ?? 0.01}.`),
      vp.table(`Scores of the sentinels now against before${words}`, [
        { name: "Judge", head: true, get: (r) => r.annotator },
        { name: "verdict", get: told },
        { name: "shift in points", number: true, get: interval },
        { name: "p", number: true, get: (r) => p(r.p) },
        { name: "p, adjusted", number: true, get: (r) => p(r.p_adjusted) },
        { name: "clips", number: true, get: (r) => vp.count(r.n_clips) },
        { name: "models that answered", get: (r) => (r.models || []).join(", ") || "–" },
        { name: "in words", get: (r) => vp.el("span", { class: "why told" }, r.said) }], found.judges),
      drawn.length ? vp.el("div", { class: "pair" }, drawn.map((row) => vp.figure([vp.el("strong", null, row.annotator), ` `, told(row), vp.el("br"),
        "Mean shift of the scores against the first occasion (square), with 95 % intervals over clips; the mark of the verdict stands at the occasion that tells most; times in UTC."], plot(row)))) : null,
      drawn.map((row) => vp.el("details", null, vp.el("summary", null, `${row.annotator}: ${vp.plural(row.series.length, "occasion")} as a table`), occasions(row)))];
  };
})();
