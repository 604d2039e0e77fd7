"use strict";
/* The small parts every page is made of. Text reaches the page through text nodes and attributes only, never as markup:
   prompts, rationales, generator names and messages are other people's text. */
const vp = {};

/** An element with properties and children; strings become text nodes, null and undefined nothing. */
vp.el = (tag, props, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  vp.add(node, children);
  return node;
};

vp.add = (node, children) => {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
};

/* ---- numbers ------------------------------------------------------------------------------- */
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
vp.isNumber = isNumber;

vp.count = (value) => (isNumber(value) ? value.toLocaleString("en-US") : "–");
const digitsOf = (value, digits) => value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−"); // no minus zero
vp.fixed = (value, digits = 2) => (isNumber(value) ? digitsOf(value, digits) : "–");
vp.percent = (value, digits = 1) =>
  isNumber(value) ? `${digitsOf(100 * value, digits)} %` : "–";
/* As many digits as tell a hundredth of ``span``, the width of all there are, apart; two at least. Without one, what two
   would round away is told by its first two. More than five take too much room: 2.05e−5. */
const SMALLEST = 1e-12; // below that a mean is 0
vp.score = (value, span = 0) => {
  if (!isNumber(value)) return "–";
  if (Number.isInteger(value)) return String(value).replace("-", "−");
  const size = Math.abs(value), small = (digits) => value.toExponential(digits).replaceAll("-", "−");
  if (span > 0) {
    const digits = Math.max(2, 2 - Math.floor(Math.log10(span)));
    return digits <= 5 ? vp.fixed(value, digits) : small(2);
  }
  if (size >= 0.01 || size < SMALLEST) return vp.fixed(value);
  return size < 0.001 ? small(1) : String(Number(value.toPrecision(2))).replace("-", "−");
};
vp.signed = (value, digits = 2) =>
  !isNumber(value) ? "–" : (Number(value.toFixed(digits)) > 0 ? "+" : "") + vp.fixed(value, digits);
/** "446 to 484", or the one number where they are all alike. */
vp.span = (values) => vp.unique([Math.min(...values), Math.max(...values)]).map(vp.count).join(" to ");
vp.usd = (value) => (isNumber(value) ? `$${value.toFixed(value && value < 1 ? 4 : 2)}` : "unknown");
vp.plural = (n, word) => `${vp.count(n)} ${word}${n === 1 ? "" : "s"}`;

/** "0.712 [0.660, 0.761]"; the interval only where there is one. */
vp.interval = (row, format = vp.fixed, bound = format) =>
  !isNumber(row.value) ? "undefined"
    : isNumber(row.low) && isNumber(row.high)
      ? `${format(row.value)} [${bound(row.low)}, ${bound(row.high)}]` : format(row.value);

vp.words = (name) => String(name).replace(/_/g, " ");

/** Values in the order of first appearance, each once. */
vp.unique = (values) => [...new Set(values)];

/* ---- tables -------------------------------------------------------------------------------- */
/** A table from columns [{name, get, number?, head?}] and rows; ``head`` cells are row headers. */
vp.table = (caption, columns, rows, props) => {
  const cell = (column, row) =>
    vp.el(column.head ? "th" : "td",
      { class: column.number ? "number" : null, scope: column.head ? "row" : null },
      column.get(row));
  const head = columns.map((c) =>
    vp.el("th", { scope: "col", class: c.number ? "number" : null }, c.name));
  return vp.el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    vp.el("table", props,
      vp.el("caption", null, vp.el("span", null, caption)),
      vp.el("thead", null, vp.el("tr", null, head)),
      vp.el("tbody", null, rows.map((row) => vp.el("tr", null, columns.map((c) => cell(c, row)))))));
};

vp.badge = (text, kind) => vp.el("span", { class: `badge ${kind || ""}` }, text);
vp.simulated = (yes) => (yes ? vp.badge("simulated", "sim") : null);
vp.note = (...children) => vp.el("p", { class: "note" }, children);
vp.heading = (id, text, ...rest) => vp.el("h2", { id: `${id}-title` }, text, rest);

/** The banner that says which parts of what the page shows are made up; null where nothing is. */
vp.simulatedBanner = ({ simulated }) => (simulated.length ? vp.el("div", { class: "banner", role: "note" }, vp.el("strong", null, "Simulated. "),
  `This holds simulated ${simulated.join(", ")}. Its numbers show that the pipeline works; they say nothing about real`
  + " generators, judges or people.") : null);

/** ", simulated raters and clips" for captions; empty where nothing of it is simulated. */
vp.simulatedWords = (run, ...kinds) => {
  const found = kinds.filter((kind) => run.simulated.includes(kind));
  return found.length ? ` (simulated ${found.join(" and ")})` : "";
};

/** A sentence in which a number, its sign and its interval are not torn apart at the end of a line. */
vp.unbroken = (text) => text.replace(/[+−]?[\d.]+ (?:%|points?)(?: \[[^\]]*\])?|κ [−\d.]+|\[[^\]]*\]/g, (found) => found.replace(/ /g, "\u00a0"));
