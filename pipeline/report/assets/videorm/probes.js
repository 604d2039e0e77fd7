"use strict";
/* Probes: what a reward does when a clip or its prompt is changed on purpose, against what it should do. */
(() => {
  const { armName, panel, dimensionWords } = vp.rm;
  const EXPECTED = { falls: "falls", stable: "stays", not_raised: "does not rise", zero: "no change at all",
    below_one: "below one", above_zero: "above zero", either: "–" };
  const VERDICTS = { met: ["as expected", "good"], not_met: ["NOT as expected", "bad"], open: ["NOT shown", ""] };
  const UNITS = { "within-prompt standard deviations": "SD" };
  const GROUPS = [ // what a probe touches, by how its name begins; the first that fits
    ["time", /^(shuffled|frame_shuffle|reversed|frozen|duplicated|flicker|first_frame|shift_)/],
    ["what should change nothing", /^(saturated|painted|half_res|shorter|brighter|darker|codec|decoder)/],
    ["prompt and aspects", /^(prompt_|aspect_)/],
    ["what the reward goes with", /^(correlation_|generator_)/],
    ["harm to the picture", /./],
  ];

  const isExpected = (r) => r.expected !== "either";
  const expected = (r) => (EXPECTED[r.expected] || vp.words(r.expected))
    + (r.expected === "stable" && r.tolerance ? ` within ±${r.tolerance}` : "");
  const verdict = (r) => VERDICTS[r.verdict] || [isExpected(r) ? "no verdict" : "for the record", ""];
  const value = (v) => vp.signed(v, 2);

  /** The part of the axis in which the whole interval should lie; null where nothing is expected. */
  const wanted = (r) => {
    const tolerance = r.tolerance || 0;
    return { falls: [-Infinity, 0], stable: [-tolerance, tolerance], not_raised: [-Infinity, 0], zero: [0, 0],
      below_one: [-Infinity, 1], above_zero: [0, Infinity] }[r.expected] || null;
  };
  const SHAPES = { met: "circle", not_met: "square", open: "diamond" };

  const asDot = (r) => ({ ...r, label: vp.words(r.probe), more: isExpected(r) ? expected(r) : null, wanted: wanted(r),
    allowed: r.expected === "not_raised" && r.tolerance ? [0, r.tolerance] : null,
    verdict: isExpected(r) ? verdict(r) : null, shape: SHAPES[r.verdict] || "circle", hollow: r.verdict !== "met" });

  /** One axis for the rows of one unit, zero and what they are allowed within it. */
  const axis = (rows) => vp.range(rows, [{ value: 0 }, ...rows.flatMap((r) =>
    (["stable", "not_raised"].includes(r.expected) && r.tolerance ? [{ value: r.tolerance }, { value: -r.tolerance }] : []))]);

  const unitWords = (unit) => (UNITS[unit] ? "standard deviations of the unchanged clips' rewards within a prompt" : vp.words(unit || ""));
  const nWords = (rows) => {
    const clips = vp.span(rows.map((r) => r.n_clips).filter(vp.isNumber)), prompts = vp.span(rows.map((r) => r.n_prompts).filter(vp.isNumber));
    return `n = ${clips} clips${prompts ? ` of ${prompts} prompts` : ""}`;
  };

  /** Plots of one model and dimension, one for each group and unit; those of one unit on one axis. */
  const plots = (all) => {
    const rows = all.filter((r) => vp.isNumber(r.value)), group = (r) => GROUPS.find(([, pattern]) => pattern.test(r.probe))[0];
    return vp.el("div", { class: "probes" }, GROUPS.map(([name]) => vp.unique(rows.map((r) => r.unit)).map((unit) => {
      const ofUnit = rows.filter((r) => r.unit === unit), own = ofUnit.filter((r) => group(r) === name);
      return own.length ? panel(`${name}: ${dimensionWords(own[0].dimension)}${UNITS[unit] ? "" : `, ${vp.words(unit || "")}`}`, `In ${unitWords(unit)}; ${nWords(own)}${vp.rm.simulated("clips")}.`,
        vp.rm.dots(`Probes of ${armName(own[0].arm)}, ${dimensionWords(own[0].dimension)}: ${name}, ${unitWords(unit)}`, own.map(asDot),
          { domain: axis(ofUnit), lines: [{ value: 0, label: "" }], format: value })) : null;
    })));
  };

  const COUNTED = ["met", "open", "not_met"];
  const tally = (rows, arms) => vp.table("Expectations by model: how many are shown", [
    { name: "Model", head: true, get: armName },
    ...COUNTED.map((name) => ({ name: VERDICTS[name][0], number: true, get: (arm) => vp.count(rows.filter((r) => r.arm === arm && r.verdict === name).length) })),
    { name: "no verdict", number: true, get: (arm) => vp.count(rows.filter((r) => r.arm === arm && isExpected(r) && !COUNTED.includes(r.verdict)).length) }], arms);

  const table = (rows, caption) => vp.table(caption, [
    { name: "Probe", head: true, get: (r) => vp.words(r.probe) },
    { name: "verdict", get: (r) => vp.badge(...verdict(r)) },
    ...(vp.unique(rows.map((r) => r.arm)).length > 1 ? [{ name: "model", get: (r) => armName(r.arm) }] : []),
    { name: "dimension", get: (r) => vp.words(r.dimension) },
    { name: "expected", get: expected },
    { name: "measured", number: true, get: (r) => vp.interval(r, (v) => vp.signed(v, 3)) },
    { name: "in", get: (r) => UNITS[r.unit] || vp.words(r.unit || "") },
    { name: "fell", number: true, get: (r) => (vp.isNumber(r.share_falls) ? vp.percent(r.share_falls, 0) : "–") },
    { name: "clips", number: true, get: (r) => vp.count(r.n_clips) },
    { name: "note", get: (r) => r.note || "" }], rows);

  const CAPTION = "SD: standard deviations of the unchanged clips' rewards within a prompt. Fell: share of the clips whose reward fell";

  vp.rm.probes = (metrics) => {
    const rows = metrics.probes || [];
    if (!rows.length) return null;
    const arms = vp.unique(rows.map((r) => r.arm)), main = arms.includes(vp.rm.main(metrics)) ? vp.rm.main(metrics) : arms[0];
    const own = rows.filter((r) => r.arm === main), asked = own.filter(isExpected);
    const many = (name) => asked.filter((r) => r.dimension === name).length;
    const dimensions = vp.unique(asked.map((r) => r.dimension)).sort((a, b) => many(b) - many(a));
    const record = own.filter((r) => !isExpected(r));
    const of = (name, among) => plots(among.filter((r) => r.dimension === name));
    return [vp.note(`What the rewards of ${armName(main)} do when a clip or its prompt is changed on purpose. The band is what is expected (the`
      + " paler part is allowed to an interval that holds zero). As expected (filled circle): the whole 95 % interval shows it; NOT as expected (square): it shows the contrary; NOT shown (diamond): neither."
      + " Intervals are of one row each, not corrected for how many there are."),
    tally(rows, vp.unique(rows.filter(isExpected).map((r) => r.arm))), dimensions.length ? of(dimensions[0], asked) : null,
    dimensions.slice(1).map((name) => vp.rm.folded(`${dimensionWords(name)}: ${vp.plural(many(name), "expectation")}`, of(name, asked))),
    record.length ? vp.rm.onScreen(`For the record: ${record.length} rows of which nothing is expected`,
      vp.unique(record.map((r) => r.dimension)).map((name) => of(name, record))) : null,
    vp.rm.onScreen(`${armName(main)}'s ${own.length} rows as a table`, table(own, CAPTION + vp.rm.simulated("clips"))),
    arms.filter((arm) => arm !== main).map((arm) => {
      const theirs = rows.filter((r) => r.arm === arm);
      return vp.rm.onScreen(`${armName(arm)}: ${theirs.length} rows`, table(theirs, `${armName(arm)}. ${CAPTION}${vp.rm.simulated("clips")}`));
    })];
  };
})();
