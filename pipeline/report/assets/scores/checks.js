"use strict";
/* What the clip checks found, by generator: bars of one scale, and the numbers. */
vp.checks = (run) => {
  const rows = run.checks || [];
  if (!rows.length) return null;
  const reasons = Object.keys(rows[0].found);
  const sum = (get) => rows.reduce((total, row) => total + get(row), 0);
  if (!reasons.length) {
    return vp.note(`Clip checks: none of ${vp.plural(sum((r) => r.clips), "clip")} is black, frozen, too short,`
      + " letterboxed or a near duplicate of another.");
  }
  const words = vp.simulatedWords(run, "clips"), across = sum((r) => r.across_splits), out = sum((r) => r.left_out);
  const link = (reason, count) => (count ? vp.el("a", { href: `index.html#${new URLSearchParams({ reason: `clip check.${reason}` })}` }, vp.count(count)) : vp.count(count));
  return [
    vp.el("p", { class: "lead" }, reasons.map((reason) => `${vp.count(sum((r) => r.found[reason]))} ${vp.words(reason)}`).join(", "),
      ` among ${vp.plural(sum((r) => r.clips), "clip")}; ${out ? `${vp.count(out)} left out of judging` : "none left out of judging"}.`),
    across ? vp.el("p", { class: "notice" }, across === 1
      ? "1 near duplicate stands in another split than the clip it repeats."
      : `${vp.count(across)} near duplicates stand in another split than the clip they repeat.`) : null,
    vp.table(`Clip checks by generator${words}: a clip may meet several`, [
      { name: "Generator", head: true, get: (r) => r.generator },
      { name: "clips", number: true, get: (r) => vp.count(r.clips) },
      ...reasons.map((reason) => ({ name: vp.words(reason), number: true, get: (r) => [vp.count(r.found[reason]), vp.el("span", { class: "n line" }, vp.percent(r.found[reason] / r.clips))] })),
      { name: "left out", number: true, get: (r) => vp.count(r.left_out) },
    ], rows, { class: "pivot" }),
    vp.el("p", null, "Clips to look at: ", reasons.map((reason, n) => [n ? ", " : "", vp.words(reason), " ", link(reason, sum((r) => r.found[reason]))]))];
};
