"use strict";
/* Two clips of one pair side by side and in step, with what was said of each: for the pairs on which
   somebody is most wrong. */
(() => {
  const LONG = 600; // characters of a rationale that is folded away

  /** Somebody's words under their name; null where there are none. */
  vp.saidBy = (text, by) => {
    if (!text) return null;
    const words = vp.el("p", { class: "said" }, text);
    return vp.el("div", { class: "rationale" }, text.length > LONG
      ? vp.el("details", null, vp.el("summary", null, `${by} (${vp.count(text.length)} characters)`), words)
      : [vp.el("p", { class: "by" }, by), words]);
  };

  /** Who gave a clip what: rows [name, value as text, more]; null without rows. */
  vp.givenTo = (caption, rows) => (rows.length ? vp.el("table", { class: "scores" },
    vp.el("caption", { class: "hidden" }, caption),
    vp.el("tbody", null, rows.map(([name, value, more]) => vp.el("tr", null, vp.el("th", { scope: "row" }, name),
      vp.el("td", { class: "number" }, vp.el("span", { class: "figure" }, value), more ? vp.el("span", { class: "interval" }, ` ${more}`) : null))))) : null);

  /**
   * One side: {clip, absent: what stands where the clip is not at hand, generator, badges, given, said, id}.
   * ``clip`` as the data scripts have it, or undefined; its player is added to ``videos``.
   */
  const side = ({ clip, absent, generator, badges, given, said, id }, videos) => vp.el("div", { class: "clip side" },
    vp.el("h5", null, generator === "unknown" ? "unknown generator" : generator, " ", vp.simulated(clip && clip.simulated),
      badges.filter(Boolean).map((badge) => [" ", badge])),
    vp.el("div", null, clip ? [vp.player(clip, videos), clip.frames ? vp.frameStrip(clip) : null]
      : absent ? vp.el("p", { class: "notice" }, absent) : null,
    given, said, vp.el("p", { class: "settings" }, id)));

  /** The card of a pair: {prompt, meta, sides: two of the above, words: beneath them}. */
  vp.pairCard = ({ prompt, meta, sides, words }) => {
    const videos = [], drawn = sides.map((one) => side(one, videos));
    const { button, watch } = vp.playButton(videos);
    return watch(vp.el("article", { class: "prompt disagreement" },
      vp.el("header", null, vp.el("h4", null, prompt),
        vp.el("p", { class: "meta" }, meta, videos.length ? button : null)),
      vp.el("div", { class: "sides" }, drawn), vp.el("div", { class: "about" }, words)));
  };
})();
