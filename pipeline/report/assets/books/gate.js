"use strict";
/* What was required before the other clips were judged; notes; what the run was made with. */
(() => {
  const LIMITS = ["at_least", "at_most"];
  const limitOf = (one) => { const { value } = vp.formatOf(one.statistic); return LIMITS.filter((name) => vp.isNumber(one[name]))
    .map((name) => `${vp.words(name)} ${value(one[name])}${one.bound && one.bound !== "value" ? ` (${one.bound} end)` : ""}`).join(""); };
  const met = (one) => { const number = one[one.bound || "value"];
    return vp.isNumber(number) && (vp.isNumber(one.at_least) ? number >= one.at_least : number <= one.at_most); };

  /** What is required and what was reached, a row for each dimension. */
  const table = (caption, rows) => vp.table(caption, [
    { name: "Required of", head: true, get: (r) => vp.annotatorName(r.annotator) },
    { name: "on", get: (r) => vp.words(r.dimension) },
    { name: "statistic", get: (r) => vp.shortName(r.statistic) },
    { name: "limit", number: true, get: limitOf },
    { name: "reached", number: true, get: vp.auditCell },
    { name: "verdict", get: (r) => vp.badge(...(met(r) ? ["reached", "good"] : ["not reached", "bad"])) }], rows);

  vp.gate = ({ run, audit }) => {
    const { manifest } = run, { gate } = manifest, required = ((manifest.config || {}).audit || {}).require || [];
    if (gate) {
      return [vp.el("p", { class: "lead" }, `${vp.plural(gate.clips, "clip")} that people rated ${gate.clips === 1 ? "was" : "were"} judged first; `
        + `the ${vp.count(gate.others)} others only because what was required had been reached.`),
      gate.requirements && gate.requirements.length ? table("Required of the clips that were judged first", gate.requirements)
        : vp.el("ul", { class: "prose" }, (gate.said || []).map((line) => vp.el("li", null, line)))];
    }
    if (!required.length || !audit) return null;
    const rows = required.flatMap((one) => audit.rows.filter((row) => vp.isWhole(row) && row.statistic === one.statistic
      && row.annotator === (one.annotator || "consensus") && (!one.dimension || one.dimension === row.dimension)).map((row) => ({ ...one, ...row })));
    return [vp.note("No clip waited for this: it was held against all clips when they had been judged."),
      rows.length ? table("Required of all clips", rows) : null];
  };

  vp.notes = ({ run }) => {
    const { notes } = run.manifest;
    return notes && notes.length ? [vp.el("ul", { class: "prose" }, notes.map((text) => vp.el("li", null, text)))] : null;
  };

  vp.asRun = ({ run }) => {
    const m = run.manifest;
    const json = (title, value) => (value && Object.keys(value).length ? vp.el("details", null,
      vp.el("summary", null, title), vp.el("pre", { tabindex: "0" }, JSON.stringify(value, null, 2))) : null);
    const rubrics = (m.rubrics || []).length ? vp.el("details", null, vp.el("summary", null, "Rubrics"), vp.table("Rubrics", [
      { name: "Name", head: true, get: (r) => r.name },
      { name: "version", number: true, get: (r) => r.version },
      { name: "protocol", get: (r) => r.protocol || "pointwise" },
      { name: "SHA-256", get: (r) => vp.el("code", { class: "hash" }, r.sha256) }], m.rubrics),
    m.rubrics.filter((r) => r.text).map((r) => whole(r))) : null;
    return [rubrics, json("Configuration", m.config), json("Versions", m.versions)];
  };
  const whole = (rubric) => vp.el("details", null, vp.el("summary", null, `${rubric.name}, in full`), vp.el("pre", { tabindex: "0" }, rubric.text));
})();
