"use strict";
/* Where an annotator is better or worse than elsewhere, after false-discovery control. */
(() => {
  const LEVEL = 0.05; // of the adjusted p below which a slice is told to differ
  const SHOWN = ["pair_accuracy_ties_half", "slice_gap", "slice_gap_p"];
  const MORE = ["judge_tie_share", "spearman_within_prompt", "spearman", "exact_agreement"];

  const isSlice = (row) => !vp.isWhole(row) && row.slice.includes("=")
    && !/^(calibration_|confusion_|davidson_|bradley_)|_rate$/.test(row.statistic);

  const sliceName = (slice) => slice.replace("!=", " other than ").replace("=", ": ").replace("..", " to ").replace(/_/g, " ");

  /** "▲ higher" or "▼ lower" where the slice differs, "no difference shown" otherwise; never colour alone. */
  const verdict = (gap, p) => {
    if (!gap || !p || !vp.isNumber(gap.value) || !vp.isNumber(p.value)) return vp.el("span", { class: "muted" }, "not tested");
    if (p.value >= LEVEL) return vp.el("span", { class: "muted" }, "no difference shown");
    return gap.value > 0 ? vp.badge("▲ higher", "good") : vp.badge("▼ lower", "bad");
  };

  const keyOf = (row) => JSON.stringify([row.annotator, row.slice]);

  const table = (caption, rows, down, props) => {
    const at = new Map(rows.map((row) => [JSON.stringify([row.annotator, row.slice, row.statistic]), row]));
    const get = (key, statistic) => at.get(JSON.stringify([...key, statistic]));
    const present = (names) => names.filter((name) => rows.some((row) => row.statistic === name));
    const keys = vp.unique(rows.map(keyOf)).map((key) => JSON.parse(key));
    const column = (name) => ({ name: vp.statisticName(name), number: true, get: (key) => vp.auditCell(get(key, name)) });
    const tested = rows.some((row) => row.statistic === "slice_gap");
    const differs = (key) => verdict(get(key, "slice_gap"), get(key, "slice_gap_p"));
    return keys.length ? vp.table(caption, [
      ...(down.annotator ? [{ name: "Annotator", head: true, get: (key) => vp.annotatorName(key[0]) }] : []),
      { name: "Slice", head: true, get: (key) => sliceName(key[1]) },
      ...(tested ? [{ name: "than elsewhere", get: differs }] : []),
      ...present(SHOWN).map(column), ...present(props).map(column)], keys, { class: "pivot" }) : null;
  };

  const MOST = 8; // slices that are shown unasked

  /** The slices that differ, of the nearest annotator first, the widest gap first. */
  const differ = (rows, found, annotators, caption) => {
    const gap = new Map(rows.filter((row) => row.statistic === "slice_gap").map((row) => [keyOf(row), Math.abs(row.value)]));
    const place = new Map(found.sort((a, b) => annotators.indexOf(a.annotator) - annotators.indexOf(b.annotator)
      || gap.get(keyOf(b)) - gap.get(keyOf(a))).map((row, n) => [keyOf(row), n]));
    const sorted = rows.filter((row) => place.has(keyOf(row))).sort((a, b) => place.get(keyOf(a)) - place.get(keyOf(b)));
    const part = (from, to) => sorted.filter((row) => place.get(keyOf(row)) >= from && place.get(keyOf(row)) < to);
    return found.length ? [table(caption, part(0, MOST), { annotator: true }, []),
      found.length > MOST ? vp.el("details", null, vp.el("summary", null, `${found.length - MOST} more that differ`),
        table(`${caption}, continued`, part(MOST, Infinity), { annotator: true }, [])) : null] : null;
  };

  vp.audit.slices = ({ rows, annotators, name, words }) => {
    const own = rows.filter((row) => isSlice(row) && annotators.includes(row.annotator));
    if (!own.length) return null;
    const tested = own.filter((row) => row.statistic === "slice_gap_p" && vp.isNumber(row.value));
    const found = tested.filter((row) => row.value < LEVEL);
    const sentence = !tested.length ? "No slice was tested against the rest."
      : `${found.length ? vp.count(found.length) : "None"} of ${vp.count(tested.length)} slices (annotators counted apart) differ${found.length === 1 ? "s" : ""} from all other pairs`
        + ` at a false discovery rate of ${vp.percent(LEVEL, 0)} (Benjamini and Yekutieli, over all slices). The gap is in points of accuracy.`;
    const statistics = vp.unique(own.map((row) => row.statistic));
    const unknown = statistics.some((one) => [...SHOWN, ...MORE].includes(one)) ? MORE : statistics; // names from other versions
    return [vp.el("h3", null, "Where is it better, where worse?"), vp.el("p", { class: "lead" }, sentence),
      differ(own, found, annotators, `Slices of ${vp.words(name)} that differ${words}`),
      vp.el("details", null, vp.el("summary", null, "By slice"), annotators.map((who) =>
        table(`${who} by slice${words}: pairs with a clip of the slice on either side`, own.filter((row) => row.annotator === who), {}, unknown)))];
  };

  vp.audit.sliceName = sliceName;
  vp.audit.isSlice = isSlice;
})();
