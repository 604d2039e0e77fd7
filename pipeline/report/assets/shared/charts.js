"use strict";
/* Plots as SVG, drawn to the width they have. Shapes and hatching tell series apart without colour,
   intervals are drawn, and every number is text that can be selected. */
vp.svg = (tag, props, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  return vp.add(node, children);
};

/** A box that draws itself again when its width changes. ``draw(width)`` returns an SVG element. */
vp.chart = (label, draw) => {
  const box = vp.el("div", { class: "chart" });
  let drawn = 0;
  const redraw = () => {
    const width = Math.floor(box.clientWidth);
    if (!width || width === drawn) return;
    drawn = width;
    const svg = draw(width);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    box.replaceChildren(svg);
  };
  new ResizeObserver(redraw).observe(box);
  return box;
};

vp.canvas = (width, height, ...children) =>
  vp.svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height }, children);

vp.text = (x, y, text, props) => vp.svg("text", { x, y, ...props }, text);

vp.scale = (low, high, from, to) => {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
};

/** Round tick positions covering [low, high], about ``wanted`` of them. */
vp.ticks = (low, high, wanted = 5) => {
  const raw = (high - low || 1) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw * 0.999);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) {
    ticks.push(n * step);
  }
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return ticks.map((value) => ({ value, label: vp.fixed(value, digits) }));
};

/** Markers by position: a circle, a diamond, a square, a triangle; hollow where asked for. */
vp.marker = (shape, x, y, hollow) => {
  const r = 4.5;
  const paths = {
    circle: `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    diamond: `M${x} ${y - r - 1}L${x + r + 1} ${y}L${x} ${y + r + 1}L${x - r - 1} ${y}z`,
    square: `M${x - r + 0.5} ${y - r + 0.5}h${2 * r - 1}v${2 * r - 1}h${1 - 2 * r}z`,
    triangle: `M${x} ${y - r - 0.5}L${x + r + 0.5} ${y + r - 0.5}H${x - r - 0.5}z`,
  };
  return vp.svg("path", { d: paths[shape], class: hollow ? "mark hollow" : "mark" });
};

let patterns = 0;
/** A hatching pattern and the fill that uses it. */
vp.hatch = () => {
  const id = `hatch-${(patterns += 1)}`;
  const defs = vp.svg("defs", null,
    vp.svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)" },
    vp.svg("rect", { width: 6, height: 6, class: "hatch-ground" }),
    vp.svg("rect", { width: 2.2, height: 6, class: "hatch-line" })));
  return { defs, fill: `url(#${id})` };
};
