"use strict";
/* What the clip checks found, by generator. */
vp.checks = (run) => {
  const rows = run.checks || [];
  if (!rows.length) return null;
  const reasons = Object.keys(rows[0].found);
  const sum = (get) => rows.reduce((total, row) => total + get(row), 0);
  if (!reasons.length) {
    return vp.note(`Clip checks: none of ${vp.plural(sum((r) => r.clips), "clip")} is black, frozen, too short,`
      + " letterboxed or a near duplicate of another.");
  }
  const across = sum((r) => r.across_splits);
  return [
    vp.table(`Clip checks by generator${vp.simulatedWords(run, "clips")}: a clip may meet several`, [
      { name: "Generator", head: true, get: (r) => r.generator },
      { name: "clips", number: true, get: (r) => vp.count(r.clips) },
      ...reasons.map((reason) => ({ name: vp.words(reason), number: true, get: (r) => vp.count(r.found[reason]) })),
      { name: "left out", number: true, get: (r) => vp.count(r.left_out) },
    ], rows),
    across ? vp.el("p", { class: "notice" }, across === 1
      ? "1 near duplicate stands in another split than the clip it repeats."
      : `${vp.count(across)} near duplicates stand in another split than the clip they repeat.`) : null];
};
