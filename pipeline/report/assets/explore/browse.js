"use strict";
/* The list of prompts. */
vp.explorer = ({ run, index }) => {
  const list = vp.el("div", { id: "prompt-list" });
  index.ids.slice(0, 4).forEach(async (id, n) => {
    const page = await vp.load(`prompts-${Math.floor(n / index.per_file)}`);
    list.append(vp.promptCard(page.find((prompt) => prompt.id === id), run.human_dimensions));
  });
  return vp.section("prompts", "Prompts and clips", list);
};
