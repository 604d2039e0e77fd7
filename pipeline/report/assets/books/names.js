"use strict";
/* The words of this page: what a stage owes, what became of it, what money bought. */
(() => {
  vp.STAGES = ["video", "frames", "check", "annotate", "compare", "scores", "preferences"];
  const UNITS = { video: "clip", frames: "clip", check: "clip", annotate: "verdict", compare: "comparison", scores: "score", preferences: "pair" };
  const DOES = { video: "fetched or made", frames: "decoded into frames", check: "looked at by the clip checks", annotate: "judged one by one",
    compare: "judged side by side", scores: "averaged over draws", preferences: "paired within a prompt" };
  const BEFORE = { video: [], frames: ["video"], check: ["video", "frames"], annotate: ["video", "frames"], compare: ["video", "frames"],
    scores: ["video", "frames", "annotate", "compare"], preferences: ["video", "frames", "annotate", "compare", "scores"] };
  /** Stages whose failures a stage may have to pay for. */
  vp.stagesBefore = (stage) => BEFORE[stage] || vp.STAGES;
  vp.stageUnit = (stage) => UNITS[stage] || "row";
  /** Books of a merge are kept by table: ``merge_annotations``. */
  const MERGE = /^merge_/;
  vp.stageName = (stage) => vp.words(stage.replace(MERGE, ""));
  vp.isMerge = (stages) => stages.length > 0 && stages.every((stage) => MERGE.test(stage));
  vp.stageDoes = (stage) => DOES[stage] || "";

  /** Where an owed row may end, in the order of reading: field, word, and how its bar is drawn. */
  vp.ENDS = [
    { field: "written", word: "written" }, { field: "failed", word: "failed" },
    { field: "upstream", word: "owed to a failure upstream" }, { field: "filtered", word: "left out by rule" },
    { field: "missing", word: "missing" }];
  /** Of a merge: a row that an earlier run of it has, too, is written once, and no failure. */
  vp.MERGE_ENDS = vp.ENDS.map((end) => (end.field === "upstream" ? { field: "upstream", word: "there already" } : end));

  const PARTS = { usable: "usable verdicts", refused: "refused", unreadable: "unreadable", failed: "no reply", not_applicable: "not applicable",
    clips: "generated clips", failed_clips: "clips that failed", sentinels: "sentinels", canary: "canary study", lost: "lost: no answer came back",
    elsewhere: "not in the tables", cached: "paid before" };
  vp.partName = (part) => PARTS[part.part] + (part.reason && vp.words(part.reason) !== PARTS[part.part] ? `: ${vp.words(part.reason)}` : "");
  /** Money that was well spent, that had a use of its own, and that bought nothing. */
  vp.partKind = (part) => (["usable", "clips"].includes(part.part) ? "good" : ["sentinels", "canary"].includes(part.part) ? "side"
    : ["elsewhere", "cached"].includes(part.part) ? "other" : "waste");

  /** A sum with as many digits as it needs: $12.34, $0.0421, $0.000031; no minus zero; unknown is no number. */
  vp.dollars = (value) => {
    if (!vp.isNumber(value)) return "unknown";
    const size = Math.abs(value), sign = value < 0 ? "−" : "";
    if (size < 5e-7) return "$0";
    if (size < 0.001) return `${sign}$${Number(size.toPrecision(2)).toFixed(7).replace(/0+$/, "")}`;
    return `${sign}$${size.toLocaleString("en-US", { minimumFractionDigits: size < 1 ? 4 : 2, maximumFractionDigits: size < 1 ? 4 : 2 })}`;
  };

  let patterns = 0;
  /** Hatching of one kind: {defs, fill}. The five differ in direction and weight, not in colour alone. */
  vp.pattern = (kind) => {
    const id = `${kind}-${(patterns += 1)}`;
    const line = (props) => vp.svg("rect", { class: `ink ${kind}`, ...props });
    const marks = { failed: [line({ width: 2.6, height: 6 })], upstream: [line({ width: 1.1, height: 6 }), line({ x: 3, width: 1.1, height: 6 })],
      filtered: [vp.svg("circle", { class: `ink ${kind}`, cx: 3, cy: 3, r: 1.15 })], missing: [line({ width: 4.2, height: 6 }), line({ width: 6, height: 2.4 })],
      side: [line({ width: 1.3, height: 6 })], waste: [line({ width: 2.6, height: 6 })], other: [vp.svg("circle", { class: `ink ${kind}`, cx: 3, cy: 3, r: 1.15 })] };
    if (!marks[kind]) return { defs: null, fill: null };
    const turn = { failed: 45, waste: 45, upstream: -45, side: -45 }[kind] || 0;
    return { fill: `url(#${id})`, defs: vp.svg("defs", null, vp.svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse",
      patternTransform: `rotate(${turn})` }, vp.svg("rect", { class: "hatch-ground", width: 6, height: 6 }), marks[kind])) };
  };

  /** What each hatching stands for: [[kind, words]]. */
  vp.keyOf = (kinds) => vp.el("ul", { class: "legend", "aria-hidden": "true" }, kinds.map(([kind, word]) => {
    const { defs, fill } = vp.pattern(kind);
    return vp.el("li", null, vp.canvas(22, 12, defs, vp.svg("rect", { class: `flow ${kind}`, x: 0.5, y: 0.5, width: 21, height: 11, rx: 1.5, fill })), word);
  }));
})();
