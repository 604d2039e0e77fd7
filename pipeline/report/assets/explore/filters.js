"use strict";
/* The controls that set the filters, and chips for what is set. Only what the data have is offered. */
(() => {
  const x = vp.explore;
  const LABELS = "labels", RATERS = "raters";

  const sources = (name) => (name === LABELS ? "labels" : name);
  const partWords = (index, part) => {
    const asks = x.partAsked(index, part);
    if (!asks) return part;
    if (asks.kind === "pair") return `${sources(asks.sources[0])} against ${sources(asks.sources[1])}`;
    return asks.kind === "draws" ? `draws of ${asks.annotator} differ` : `nothing but ties (${asks.source})`;
  };

  /** Options of disagreement by group: [[group, [part, ..]], ..]. */
  x.partOptions = (index) => {
    const margins = vp.unique(index.dimensions.flatMap((d) => d.margins)), judges = x.judges(index), others = margins.filter((m) => /^labels of /.test(m));
    const both = (one, other) => index.dimensions.some((d) => d.margins.includes(one) && d.margins.includes(other));
    const pairs = (one, rest) => rest.filter((other) => one !== other && both(one, other)).map((other) => `${one}:${other}`);
    return [["Against raters", [LABELS, ...others, ...judges].flatMap((one) => pairs(one, [RATERS]))],
      ["Against the labels", pairs(LABELS, [...others, ...judges])],
      ["Judges among each other", judges.flatMap((one, n) => pairs(one, judges.slice(n + 1)))],
      ["Draws of one judge", vp.unique(index.dimensions.flatMap((d) => d.spread)).map((who) => `draws:${who}`)],
      ["Ties", margins.includes(LABELS) ? [`ties:${LABELS}`] : []]].filter(([, parts]) => parts.length);
  };

  const option = (value, words) => vp.el("option", { value }, words);
  const select = (name, words, options) => vp.el("label", { class: `filter-${name}` }, vp.el("span", null, words),
    vp.el("select", { id: `filter-${name}`, name }, options));
  const number = (name, words) => vp.el("label", { class: "ends" }, vp.el("span", null, words),
    vp.el("input", { id: `filter-${name}`, name, type: "number", step: "any", inputmode: "decimal", placeholder: name === "min" ? "lowest" : "highest" }));

  const controls = (index) => {
    const reasons = index.reasons.map(({ stage, reason }) => option(`${stage}.${reason}`, `${vp.words(reason)} (${stage})`));
    const splits = index.splits.filter((_, n) => index.split.includes(n)), parts = x.partOptions(index);
    return [
      index.generators.length > 1 ? select("generator", "Generator", [option("", "all generators"), index.generators.map((g) => option(g, g))]) : null,
      splits.length > 1 ? select("split", "Split", [option("", "all splits"), splits.map((s) => option(s, s))]) : null,
      reasons.length ? select("reason", "Failure or check", [option("", "any or none"), reasons]) : null,
      index.dimensions.length ? [select("dimension", "Dimension", [option("", "any"), index.dimensions.map((d) => option(d.name, vp.words(d.name)))]),
        select("source", "Score by", []), number("min", "Score from"), number("max", "to")] : null,
      parts.length ? select("part", "Disagreement", [option("", "any or none"),
        parts.map(([name, all]) => vp.el("optgroup", { label: name }, all.map((part) => option(part, partWords(index, part)))))]) : null];
  };

  const orders = (index, state) => Object.entries(x.ORDERS).filter(([name]) => name === "run" || (name === "disagreement" ? state.part
    : name === "lowest" || name === "highest" ? index.dimensions.some((d) => d.scores.length) : index.dimensions.some((d) => d.margins.length)));

  /** {form, order, sync}: ``change(changes, {typing})`` is told what was set; ``sync(state)`` shows a state. */
  x.filters = (index, change) => {
    const search = vp.el("input", { id: "filter-q", name: "q", type: "search", autocomplete: "off", spellcheck: "false", placeholder: "words, or an id" });
    const folded = vp.el("details", { class: "more-filters", open: true }, vp.el("summary", null, "Filters and order"), vp.el("div", { class: "controls" }, controls(index)));
    if (window.matchMedia("(max-width: 760px)").matches) folded.open = false;
    const form = vp.el("form", { class: "filters", role: "search", "aria-label": "Prompts", onsubmit: (event) => event.preventDefault() },
      vp.el("label", { class: "search" }, vp.el("span", null, "Words"), search, vp.el("kbd", { "aria-hidden": "true" }, "/")), folded);
    const order = select("order", "Order", []);
    const fields = () => [...form.querySelectorAll("input, select"), order.querySelector("select")];
    const heard = ({ type, target }) => {
      const typing = target.tagName === "INPUT";
      if (typing === (type === "input")) change({ [target.name]: target.value }, { typing });
    };
    [form, order].forEach((box) => ["input", "change"].forEach((type) => box.addEventListener(type, heard)));
    const fill = (name, options) => {
      const box = fields().find((field) => field.name === name), key = JSON.stringify(options);
      if (!box || box.dataset.options === key) return;
      box.replaceChildren(...options.map(([value, text]) => option(value, text)));
      box.dataset.options = key;
    };
    const show = (field, wanted) => {
      if (field.tagName === "SELECT" && ![...field.options].some(({ value }) => value === wanted)) {
        field.append(option(wanted, `${wanted} (not in these data)`)); // as an address may have it
      }
      const typed = field === document.activeElement && (field.validity.badInput || field.value.trim() === wanted);
      if (!typed) field.value = wanted;
    };
    const sync = (state) => {
      const usual = x.scoreAsked(index, { ...state, source: "" }).source, own = index.dimensions.filter((d) => !state.dimension || d.name === state.dimension);
      const source = state.source === usual ? "" : state.source;
      fill("source", [["", usual ?? "–"], ...vp.unique(own.flatMap((d) => d.scores)).filter((s) => s !== usual).map((s) => [s, s])]);
      fill("order", orders(index, state));
      const wanted = { ...state, source, order: state.order || (state.part ? "disagreement" : "run") };
      fields().forEach((field) => show(field, wanted[field.name]));
    };
    return { form, order, sync };
  };

  const words = (index, state) => {
    const { dimension, source } = x.scoreAsked(index, state);
    const range = state.min !== "" || state.max !== "", of = `${vp.words(dimension ?? "score")} by ${source}`;
    const between = state.max === "" ? `${of} ≥ ${state.min}` : state.min === "" ? `${of} ≤ ${state.max}` : `${of} ${state.min} to ${state.max}`;
    return [
      [state.q, "q", `“${state.q}”`, { q: "" }],
      [state.generator, "generator", state.generator, { generator: "" }],
      [state.split, "split", `split ${state.split}`, { split: "" }],
      [state.reason, "reason", vp.words(state.reason.replace(".", ": ")), { reason: "" }],
      [range, "score", between, { min: "", max: "", dimension: state.part ? state.dimension : "", source: "" }],
      [!range && (state.dimension || state.source), "dimension", [state.dimension && vp.words(state.dimension), state.source && `scores by ${state.source}`].filter(Boolean).join(", "),
        { dimension: "", source: "" }],
      [state.part, "part", partWords(index, state.part), { part: "" }]].filter(([set]) => set);
  };

  /** Chips of what is set, each removable, and a button that clears all. */
  x.chips = (index, state, change) => {
    const set = words(index, state);
    if (!set.length) return [];
    const clear = vp.el("button", { type: "button", class: "quiet clear", onclick: () => change(x.NOTHING) }, "Clear all");
    return [set.map(([, , text, without]) => vp.el("button", { type: "button", class: "chip", "aria-label": `Remove the filter ${text}`,
      onclick: () => change(without) }, text, vp.el("span", { "aria-hidden": "true" }, " ×"))), clear];
  };
})();
