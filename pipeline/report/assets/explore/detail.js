"use strict";
/* The opened prompt: its file is loaded when it is wanted, and the last one asked for is shown. */
(() => {
  const x = vp.explore;

  /** {box, show, shown}: ``show(request)`` draws a prompt, ``shown()`` is what ``x.promptCard`` gave of it. */
  x.detail = (layout, answers, open) => {
    const box = vp.el("div", { class: "detail", "aria-busy": "false" });
    let current = "", shown = null;
    const put = (...content) => {
      const within = box.contains(document.activeElement);
      x.closeClips(box);
      box.replaceChildren(...content.filter(Boolean));
      if (within) (box.querySelector("h3") || box).focus({ preventScroll: true });
      box.setAttribute("aria-busy", "false");
    };
    const say = (text, role = null) => {
      shown = null;
      current = "";
      put(vp.el("p", { class: "notice", role }, text));
    };
    box.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-pair]");
      if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      open({ pair: link.dataset.pair });
    });

    const draw = async ({ id, state, mask, extra, columns, matches }) => {
      const key = JSON.stringify([id, state.pair, extra, columns.size, matches, state.generator, state.reason, state.dimension, state.source, state.min, state.max]);
      if (key === current) return;
      current = key;
      const place = layout.place.get(id);
      box.setAttribute("aria-busy", "true");
      try {
        const page = await vp.load(`prompts-${Math.floor(place / layout.index.per_file)}`);
        if (current !== key) return; // another prompt was asked for meanwhile
        shown = x.promptCard({ entry: page.find((entry) => entry.id === id), place, layout, columns, answers, state, mask, extra });
        put(matches ? null : vp.el("p", { class: "notice slim" }, "This prompt does not match the filters."), shown.card);
      } catch (fault) {
        if (current === key) say(fault.message, "alert");
      }
    };
    const show = (request) => {
      if (!request.id) return say("No prompt matches. Take a filter away, or clear them all.");
      if (!layout.place.has(request.id)) return say(`There is no prompt ${request.id} in this report.`, "alert");
      return draw(request);
    };
    return { box, show, say, shown: () => shown };
  };
})();
