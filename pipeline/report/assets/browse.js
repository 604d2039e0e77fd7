"use strict";
/* The list of prompts: filter, page, and a state in the address that can be shared. */
(() => {
  const SHOWN = 4; // prompts on one screen page

  const read = () => new URLSearchParams(window.location.hash.slice(1));

  const stateOfAddress = () => {
    const address = read();
    return { text: address.get("q") || "", generator: address.get("generator") || "",
      prompt: address.get("prompt") || "", page: Math.max(0, (Number(address.get("page")) || 1) - 1) };
  };

  const writeAddress = (state) => {
    const address = new URLSearchParams();
    if (state.text) address.set("q", state.text);
    if (state.generator) address.set("generator", state.generator);
    if (state.prompt) address.set("prompt", state.prompt);
    if (state.page) address.set("page", state.page + 1);
    const hash = address.toString();
    window.history.replaceState(null, "", hash ? `#${hash}` : "#prompts");
  };

  const matches = (state) => (entry) => {
    if (state.prompt) return entry.id === state.prompt;
    return (!state.generator || entry.generators.includes(state.generator))
      && state.text.toLowerCase().split(/\s+/).every((word) => entry.text.toLowerCase().includes(word));
  };

  vp.sections.prompts = (box, { run, index }) => {
    const state = stateOfAddress(), answers = run.human_dimensions;
    const generators = vp.unique(index.prompts.flatMap((p) => p.generators)).sort();
    const text = vp.el("input", { type: "search", id: "filter-text", placeholder: "words of the prompt", autocomplete: "off" });
    const generator = vp.el("select", { id: "filter-generator" }, vp.el("option", { value: "" }, "all generators"),
      generators.map((name) => vp.el("option", { value: name }, name)));
    const status = vp.el("p", { class: "status", role: "status", id: "filter-status" });
    const list = vp.el("div", { id: "prompt-list" });
    const pager = vp.el("nav", { class: "pager", "aria-label": "Pages of prompts" });
    let turn = 0; // a newer request for a page wins over an older one that arrives late

    const go = (page) => {
      state.page = page;
      draw();
      box.scrollIntoView({ block: "start" });
    };
    const drawPager = (pages) => pager.replaceChildren(...(pages < 2 ? [] : [
      vp.el("button", { type: "button", class: "quiet", disabled: state.page === 0, onclick: () => go(state.page - 1) }, "‹ Previous"),
      vp.el("span", null, `page ${state.page + 1} of ${pages}`),
      vp.el("button", { type: "button", class: "quiet", disabled: state.page >= pages - 1, onclick: () => go(state.page + 1) }, "Next ›")]));

    const sample = index.prompts.length < index.total
      ? `${vp.count(index.prompts.length)} of ${vp.count(index.total)} prompts shown, chosen by hash`
      : `all ${vp.plural(index.total, "prompt")} shown`;

    const draw = async () => {
      const found = index.prompts.filter(matches(state)), pages = Math.ceil(found.length / SHOWN);
      state.page = Math.max(0, Math.min(state.page, pages - 1));
      const now = found.slice(state.page * SHOWN, (state.page + 1) * SHOWN);
      status.replaceChildren(`${sample}${found.length < index.prompts.length ? `; ${vp.count(found.length)} match` : ""}. `);
      if (state.prompt) status.append(vp.el("a", { href: "#prompts", onclick: () => { state.prompt = ""; draw(); } }, "Show all"));
      drawPager(pages);
      const mine = (turn += 1);
      try {
        const loaded = await Promise.all(now.map((entry) => vp.page(entry.page)));
        if (mine !== turn) return;
        list.replaceChildren(...now.map((entry, n) =>
          vp.promptCard(loaded[n].find((prompt) => prompt.id === entry.id), answers)));
        if (!now.length) list.replaceChildren(vp.note("No prompt matches."));
      } catch (error) {
        list.replaceChildren(vp.el("p", { class: "notice" }, error.message));
      }
    };
    const show = () => {
      text.value = state.text;
      generator.value = state.generator;
      draw();
    };
    const changed = () => {
      Object.assign(state, { text: text.value.trim(), generator: generator.value, prompt: "", page: 0 });
      writeAddress(state);
      draw();
    };
    text.addEventListener("input", changed);
    generator.addEventListener("change", changed);
    window.addEventListener("hashchange", () => {
      const next = stateOfAddress();
      if (next.prompt || next.text || next.generator) {
        Object.assign(state, next);
        show();
        box.scrollIntoView({ block: "start" });
      }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.target.matches("input, select, textarea")) {
        event.preventDefault();
        text.focus();
      }
    });
    vp.add(box, [vp.heading("prompts", "Prompts and clips"),
      vp.el("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
        vp.el("label", null, "Search", text, vp.el("kbd", { title: "Press / to search" }, "/")),
        vp.el("label", null, "Generator", generator)), status, list, pager]);
    show();
    if (state.prompt || state.text || state.generator) box.scrollIntoView({ block: "start" });
  };
})();
