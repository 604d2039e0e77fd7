"use strict";
/* The explorer: a state, what matches it, and the parts that show both. */
(() => {
  const x = vp.explore;

  const SETTLED_MS = 120; // after the last change of a filter the first match is opened: the list comes first

  const pagesOf = (found) => Math.max(1, Math.ceil(found.prompts.length / x.PER_PAGE));

  /** The sections of the explorer, and what starts it. */
  vp.explorer = ({ run, index }) => {
    const layout = x.layout(index), store = x.columnStore(index);
    let state = x.readAddress(location.hash), found = { prompts: [], mask: null, part: null }, drawn = "", page = 1, asked = 0, settling = 0;

    const status = vp.el("p", { class: "status", role: "status", tabindex: "-1" }), chips = vp.el("div", { class: "chips" });
    const presets = vp.el("div", { class: "presets-box" });
    const place = () => found.prompts.indexOf(layout.place.get(opened()));
    const first = () => found.prompts[(Number(state.page || 1) - 1) * x.PER_PAGE] ?? found.prompts[0]; // of the page
    const opened = () => state.prompt || (found.prompts.length ? index.ids[first()] : "");

    /* ---- changes -------------------------------------------------------------------------- */
    const apply = (changes, how = "push") => {
      state = { ...state, ...changes };
      return update(how);
    };
    const filter = (changes, { typing = false } = {}) =>
      apply({ ...changes, page: "", pair: "", prompt: "" }, typing ? "" : "push");
    const reveal = () => {
      const { top } = detail.box.getBoundingClientRect();
      if (top < 0 || top > window.innerHeight * 0.8) detail.box.scrollIntoView({ block: "start" });
    };
    const open = (id) => apply({ prompt: id, pair: "" }).then(() => { if (listAbove()) detail.box.scrollIntoView(); else reveal(); });
    const turn = (to) => {
      if (to < 1 || to > pagesOf(found)) return false;
      return apply({ page: to === 1 ? "" : String(to), prompt: index.ids[found.prompts[(to - 1) * x.PER_PAGE]], pair: "" });
    };
    const go = (by) => {
      const at = place() + by;
      if (at < 0 || at >= found.prompts.length) return false;
      return apply({ prompt: index.ids[found.prompts[at]], pair: "", page: pageText(at) }, "step").then(reveal);
    };
    const pageText = (at) => (at < x.PER_PAGE ? "" : String(Math.floor(at / x.PER_PAGE) + 1));
    const listAbove = () => detail.box.offsetLeft < list.box.offsetLeft + 40;

    const list = x.list(layout, open, turn), detail = x.detail(layout, run.human_dimensions, (changes) => apply(changes));
    const filters = x.filters(index, filter);

    /* ---- drawing -------------------------------------------------------------------------- */
    const criteria = () => JSON.stringify([x.FILTERS.map((name) => state[name]), state.order, store.loaded.size]);
    const tell = () => {
      const n = found.prompts.length, all = layout.prompts;
      const part = index.total > all ? `; ${vp.count(index.total)} in the run` : "";
      status.replaceChildren(vp.el("strong", null, vp.count(n)), n === all ? ` prompts${part}` : ` of ${vp.count(all)} prompts match${part}`);
      chips.replaceChildren();
      vp.add(chips, x.chips(index, state, (changes) => filter(changes).then(() => status.focus({ preventScroll: true })))); // the chip is gone
    };
    const drawList = () => {
      const at = place(), wanted = state.page ? Number(state.page) : at < 0 ? 1 : Math.floor(at / x.PER_PAGE) + 1;
      page = Math.min(wanted, pagesOf(found));
      const key = JSON.stringify([criteria(), page]);
      if (key !== drawn) list.draw({ state, found, columns: store.loaded, page, pages: pagesOf(found) });
      drawn = key;
    };
    const extra = () => {
      const asks = state.part ? x.partAsked(index, state.part) : null;
      return asks && asks.kind === "pair" ? asks.sources : [];
    };
    let matched = "";
    const show = () => {
      const key = criteria();
      if (key !== matched) found = x.match(layout, store.loaded, state);
      matched = key;
      tell();
      drawList();
      list.mark(opened());
      clearTimeout(settling);
      if (state.prompt) showDetail();
      else settling = setTimeout(showDetail, SETTLED_MS);
    };
    const ready = () => store.missing(index.dimensions.map((d) => d.name)).length === 0;
    const showDetail = () => (ready() || broken) && detail.show({ id: opened(), state, mask: found.mask, extra: extra(), columns: store.loaded,
      matches: place() >= 0 });

    let broken = false; // columns that cannot be read: the prompts are shown without them
    const update = async (how) => {
      x.remember(state, how);
      filters.sync(state);
      buttons.mark(state);
      const turnOf = (asked += 1), missing = store.missing(x.needs(index, state));
      if (missing.length) {
        status.textContent = "Reading scores …";
        try {
          await store.load(missing);
        } catch (fault) {
          status.textContent = fault.message;
          return;
        }
      }
      if (turnOf === asked) show();
    };

    /* All columns come after the first list: the presets count with them, and marks and histograms rest on them. */
    const readAll = async () => {
      try {
        await store.load(index.dimensions.map((d) => d.name));
      } catch (fault) {
        broken = true;
        presets.append(vp.el("p", { class: "notice", role: "alert" }, fault.message));
      }
      drawPresets();
      await update("");
    };
    let buttons = null;
    const drawPresets = () => {
      const some = x.presets(layout, ready() ? [...store.loaded.values()] : null);
      presets.querySelectorAll("ul").forEach((old) => old.remove());
      buttons = x.presetButtons(some, (changes) => filter({ ...x.NOTHING, ...changes }));
      if (some.length) presets.append(buttons.list);
      look.hidden = !presets.childNodes.length;
    };

    const look = vp.section("look", "Look here first", presets);
    const help = vp.el("button", { type: "button", class: "quiet help", "aria-label": "Keys" }, "? Keys");
    const back = vp.el("a", { class: "to-list", href: "#", onclick: (event) => { event.preventDefault(); filters.form.scrollIntoView(); } }, "↑ To the list");
    const box = vp.section("prompts", "Prompts and clips", filters.form, vp.el("div", { class: "matching" }, status, chips, vp.el("span", { class: "at-right" }, filters.order, help)),
      vp.el("div", { class: "panes" }, list.box, vp.el("div", { class: "opened" }, back, detail.box)));

    const begin = () => {
      const search = filters.form.querySelector("#filter-q");
      const actions = x.actions(detail, { search, go, turn: (by) => turn(page + by), all: () => (state.pair ? apply({ pair: "" }) : false) });
      help.addEventListener("click", x.keys(actions));
      const moved = () => {
        const wanted = x.readAddress(location.hash);
        if (x.address(wanted) === x.address(state)) return;
        state = wanted;
        update("");
      };
      window.addEventListener("popstate", moved);
      window.addEventListener("hashchange", moved);
      drawPresets();
      return update("").then(() => new Promise((after) => { requestAnimationFrame(() => setTimeout(after)); })).then(readAll);
    };
    return { sections: [look, box], begin };
  };
})();
