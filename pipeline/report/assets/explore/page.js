"use strict";
/* The page: an overview, where to look first, and the explorer. */
(() => {
  vp.start();
  const content = document.getElementById("content");
  const absent = ["run", "index"].filter((kind) => !vp.data[kind]);
  if (absent.length) {
    vp.add(content, absent.map((kind) => vp.el("p", { class: "notice", role: "alert" },
      `data/${kind}.js is missing beside this page, or could not be read`)));
    return;
  }
  document.title = `${vp.explore.runName(vp.data.run.manifest)}: VideoPrefer report`;
  const explorer = vp.explorer(vp.data);
  vp.add(content, [vp.explore.overview(vp.data), explorer.sections]);
  explorer.begin();
})();
