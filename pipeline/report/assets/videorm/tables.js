"use strict";
/* What stands below the plots, folded away: differences in numbers, accuracy with ties and by generator, the models. */
(() => {
  const { armName, against, simulated, bound, folded } = vp.rm;

  vp.rm.differenceTable = (metrics) => {
    const rows = metrics.differences || [];
    return rows.length ? vp.rm.onScreen(`All ${rows.length} differences as a table`,
      vp.table(`Paired differences in points of accuracy${simulated("clips", "raters")}`, [
        { name: "Difference", head: true, get: (r) => `${armName(r.arm)} − ${armName(r.minus)}` },
        { name: "against", get: (r) => against(r.against) },
        { name: "dimension", get: (r) => vp.words(r.dimension) },
        { name: "split", get: (r) => r.split },
        { name: "points and interval", number: true, get: (r) => vp.interval(r, vp.rm.points) },
        { name: "pairs", number: true, get: (r) => vp.count(r.n_pairs) },
        { name: "prompts", number: true, get: (r) => vp.count(r.n_prompts) }], rows)) : null;
  };

  const SOURCES = { log_k: ", its own threshold", validation: "" };

  vp.rm.ties = (metrics) => {
    const rows = metrics.three_way || [];
    return rows.length ? folded("Accuracy with ties", vp.unique(rows.map((r) => r.against)).map((target) => vp.rm.matrix(
      `Pairs on which model and ${against(target)} say the same of better, worse and tie. Rewards closer than a threshold are a tie;`
      + ` it is fitted on the validation prompts, or the model's own${vp.rm.simulatedBy(target)}`, "Model",
      rows.filter((r) => r.against === target), (r) => armName(r.arm) + (SOURCES[r.threshold_from] || ""),
      vp.percent, bound, "n_pairs"))) : null;
  };

  const SLICES = { held_out: "generators it never trained on", seen: "generators it trained on" };
  const sliceName = (name) => name.replace(/^generators=(.*)$/, (_, which) => SLICES[which] || which).replace(/^generator=/, "");

  vp.rm.slices = (metrics) => {
    const all = (metrics.slices || []).filter((r) => r.dimension === "all");
    if (!all.length) return null;
    const names = vp.unique(all.map((r) => r.arm)).filter((arm) => (metrics.arms || {})[arm] || arm === "human_ceiling");
    return folded("Accuracy by generator", vp.unique(all.map((r) => r.against)).map((target) => {
      const here = all.filter((r) => r.against === target);
      const of = (where, arm) => here.find((r) => r.slice === where && r.arm === arm) || {};
      return vp.table(`Accuracy without ties against ${against(target)} on pairs with a clip of one generator; intervals`
        + ` are of one row each, not corrected for how many there are${simulated("clips", "raters")}`, [
        { name: "Generator", head: true, get: sliceName },
        ...names.filter((arm) => here.some((r) => r.arm === arm)).map((arm) => ({ name: armName(arm), number: true,
          get: (where) => vp.interval(of(where, arm), vp.percent, bound) })),
        { name: "pairs", number: true, get: (where) => vp.count(of(where, here[0].arm).n_pairs) },
        { name: "prompts", number: true, get: (where) => vp.count(of(where, here[0].arm).n_prompts) }],
      vp.unique(here.map((r) => r.slice)));
    }));
  };

  vp.rm.models = (metrics) => {
    const arms = Object.entries(metrics.arms || {});
    return [arms.length ? vp.table("The models, trained on the same pairs and of the same size", [
      { name: "Model", head: true, get: ([arm]) => armName(arm) },
      { name: "parameters", number: true, get: ([, a]) => vp.count(a.parameters) },
      { name: "epoch kept", number: true, get: ([, a]) => vp.count(a.selected_epoch) },
      { name: "What it is", get: ([, a]) => a.description || "" }], arms) : null,
    (metrics.notes || []).map((note) => vp.note(note))];
  };
})();
