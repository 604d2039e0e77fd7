"use strict";
/* The matching prompts, a page at a time, drawn from the columns alone. */
(() => {
  const x = vp.explore;
  const LABELS = "labels", RATERS = "raters";
  const AT_ONCE = 16; // rows that are drawn before the page is painted, more than are seen
  x.PER_PAGE = 50;

  /* The scores of a prompt's clips on the ends of their whole column: where they lie, and how far apart. */
  const dots = (column, from, to) => {
    const ends = x.ends(column), known = column.slice(from, to).filter((value) => value !== null);
    if (!ends || !known.length) return null;
    const at = vp.scale(ends[0], ends[1], 4, 68);
    const span = vp.unique([Math.min(...known), Math.max(...known)]).map((v) => vp.score(Number(v.toPrecision(3)), ends[1] - ends[0])).join(" to ");
    return [vp.svg("svg", { viewBox: "0 0 72 10", width: 72, height: 10, class: "dots", "aria-hidden": "true" },
      vp.svg("path", { class: "axis", d: "M4 5H68" }),
      vp.svg("path", { class: "points", d: known.map((value) => `M${at(value).toFixed(1)} 5h0`).join("") })),
    vp.el("span", { class: "score-span" }, span)];
  };

  const sign = (kind, text, n, words) => (n ? vp.el("span", { class: `sign ${kind}`, title: `${n} ${words}` },
    vp.el("span", { "aria-hidden": "true" }, `${text} ${n}`), vp.el("span", { class: "hidden" }, ` ${n} ${words}`)) : null);

  /** Failures and findings of a prompt and its clips: {failed, found}. */
  x.troubles = (layout, p) => {
    const { index } = layout, numbers = [...(index.prompt_reasons[p] || [])];
    for (let clip = layout.starts[p]; clip < layout.starts[p + 1]; clip += 1) numbers.push(...(index.clip_reasons[clip] || []));
    const found = numbers.filter((n) => index.reasons[n].stage === x.CLIP_CHECK).length;
    const failed = numbers.filter((n) => vp.isFault(index.reasons[n])).length - found;
    return { failed, found };
  };

  /* Which pairs a mark counts: those asked for, else of labels against raters, else of the two first judges. */
  const markedPair = (index, state) => {
    const asks = state.part ? x.partAsked(index, state.part) : null;
    if (asks && asks.kind === "pair") return asks.sources;
    const all = vp.unique(index.dimensions.flatMap((d) => d.margins));
    return all.includes(LABELS) && all.includes(RATERS) ? [LABELS, RATERS] : null;
  };

  const soon = (act) => requestAnimationFrame(() => setTimeout(act)); // once this is painted

  const kept = new Map();
  const apart = (layout, columns, sources, dimension) => {
    const own = columns.filter((c) => !dimension || c.dimension === dimension), key = JSON.stringify([sources, dimension, own.length]);
    if (!kept.has(key)) kept.set(key, x.disagreement(layout, own, sources).pairs);
    return kept.get(key);
  };

  /** {box, draw}: ``draw({state, found, columns, opened})``; ``open(id)`` and ``turn(page)`` are told what was chosen. */
  x.list = (layout, open, turn) => {
    const rows = vp.el("ol", { class: "rows" }), pager = vp.el("nav", { class: "pager", "aria-label": "Pages of prompts" });
    const scroller = vp.el("div", { class: "rows-box" }, rows);
    rows.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return; // another tab
      event.preventDefault();
      open(link.dataset.id);
    });

    const sizes = layout.starts.slice(1).map((end, p) => end - layout.starts[p]), alike = new Set(sizes).size === 1; // then nobody needs the number

    const row = (p, { state, columns, pairs, column, part }) => {
      const { index } = layout, size = sizes[p], { failed, found } = x.troubles(layout, p);
      return vp.el("li", null, vp.el("a", { href: x.address({ ...state, prompt: index.ids[p], pair: "" }), "data-id": index.ids[p] },
        vp.el("span", { class: "row-text" }, index.texts[p]),
        vp.el("span", { class: "row-marks" }, alike ? null : vp.el("span", null, vp.plural(size, "clip")),
          column ? dots(column, layout.starts[p], layout.starts[p + 1]) : null,
          pairs ? sign("apart", "⇄", pairs[p], `${pairs[p] === 1 ? "pair" : "pairs"} decided in opposite ways`) : null,
          sign("failed", "✕", failed, failed === 1 ? "failure" : "failures"), sign("found", "◇", found, "found by clip checks"),
          part ? vp.el("span", { class: "measure", title: "size of the disagreement that is asked for" }, vp.fixed(part[p], 1)) : null)));
    };

    let shown = 1, marked = "", turns = 0;
    const button = (text, name, by) => vp.el("button", { type: "button", class: "quiet", "aria-label": name, onclick: () => turn(shown + by) }, text);
    const before = button("←", "Page before", -1), after = button("→", "Next page", 1), where = vp.el("span");
    vp.add(pager, [before, where, after]);
    const draw = ({ state, found, columns, page, pages }) => {
      const all = [...columns.values()], score = x.scoreAsked(layout.index, state), sources = markedPair(layout.index, state);
      const context = { state, columns, part: found.part, column: ((columns.get(score.dimension) || {}).scores || {})[score.source] || null,
        pairs: sources && all.length ? apart(layout, all, sources, state.dimension) : null };
      const own = found.prompts.slice((page - 1) * x.PER_PAGE, page * x.PER_PAGE), turnOf = (turns += 1);
      rows.replaceChildren(...own.slice(0, AT_ONCE).map((p) => row(p, context)));
      if (own.length > AT_ONCE) soon(() => {
        if (turnOf !== turns) return; // another list was drawn meanwhile
        rows.append(...own.slice(AT_ONCE).map((p) => row(p, context)));
        mark();
      });
      rows.start = (page - 1) * x.PER_PAGE + 1;
      pager.hidden = pages < 2;
      shown = page;
      where.textContent = `${vp.count(page)} of ${vp.count(pages)}`;
      [before.disabled, after.disabled] = [page <= 1, page >= pages];
      scroller.scrollTop = 0;
    };
    const mark = (id = marked) => rows.querySelectorAll("a").forEach((link) => {
      marked = id;
      if (link.dataset.id !== id) link.removeAttribute("aria-current");
      else {
        link.setAttribute("aria-current", "true");
        const box = scroller.getBoundingClientRect(), own = link.getBoundingClientRect();
        if (own.top < box.top) scroller.scrollTop -= box.top - own.top;
        if (own.bottom > box.bottom) scroller.scrollTop += own.bottom - box.bottom;
      }
    });
    return { box: vp.el("div", { class: "list" }, scroller, pager), draw, mark };
  };
})();
