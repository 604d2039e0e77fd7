"use strict";
/* One prompt: its clips side by side, what was said of each, and its pairs. */
(() => {
  const x = vp.explore;
  const LONG = 240; // characters of a prompt that is set smaller

  const rationales = (clip) => {
    const said = clip.scores.flatMap((s) => s.draws.filter((d) => d.rationale).map((d) => ({ ...d, s })));
    if (!said.length) return null;
    return vp.el("div", { class: "rationales", tabindex: "0", role: "region", "aria-label": `Rationales, ${clip.generator}` },
      said.map(({ s, ...draw }) => vp.el("div", { class: "rationale" },
        vp.el("p", { class: "by" }, `${s.annotator} · ${vp.words(s.dimension)} · ${vp.score(draw.score)}`, s.draws.length > 1 ? ` · draw ${draw.draw}` : ""),
        vp.el("p", { class: "said" }, draw.rationale))));
  };

  const settings = (clip) => vp.el("details", null, vp.el("summary", null, "Settings and ids"),
    vp.el("p", { class: "settings" }, [clip.settings, vp.isNumber(clip.seed) ? `seed ${clip.seed}` : "", `clip ${clip.id}`].filter(Boolean).join(" · ")));

  const facts = (clip) => {
    const f = clip.frames;
    const list = f ? [f.clip.join(" × "), vp.isNumber(f.duration_s) && `${vp.fixed(f.duration_s, 1)} s`,
      vp.isNumber(f.fps) && `${vp.fixed(f.fps, 0)} fps`, ...(f.flags || []).map(vp.words)] : [];
    return vp.el("p", { class: "muted small-facts" }, [...list, clip.licence].filter(Boolean).join(" · "));
  };

  const found = (layout, clip) => (layout.index.clip_reasons[clip] || []).map((n) => layout.index.reasons[n])
    .filter(({ stage }) => stage === x.CLIP_CHECK).map(({ reason }) => vp.badge(vp.words(reason), "found"));

  const clipCard = (clip, number, { layout, at, videos, clips, columns, answers, mask }) => vp.el("article",
    { class: mask && mask[at] ? "clip met" : "clip", id: `clip-${number + 1}`, tabindex: "-1", "aria-label": `Clip ${number + 1}: ${clip.generator}` },
    vp.el("h4", null, vp.el("span", { class: "ordinal" }, number + 1), " ", clip.generator, " ", vp.simulated(clip.simulated), " ",
      mask && mask[at] ? vp.badge("meets the filter", "met-badge") : null, " ", found(layout, at)),
    vp.el("div", null, vp.player(clip, videos), vp.frameStrip(clip, clips), facts(clip), vp.failureList(clip.failures)),
    x.scoreTable(clip, answers, columns), vp.el("div", null, rationales(clip), settings(clip)));

  const link = (address) => {
    const field = vp.el("input", { type: "text", readonly: true, hidden: true, "aria-label": "Address of this prompt" });
    const button = vp.el("button", { type: "button", class: "quiet copy" }, "Copy link");
    button.addEventListener("click", async () => {
      const whole = location.href.split("#")[0] + address;
      try {
        await navigator.clipboard.writeText(whole);
        button.textContent = "Copied";
      } catch { // pages from disk may not be allowed to: the address is selected instead
        field.value = whole;
        field.hidden = false;
        field.select();
        button.textContent = "Copy what is selected";
      }
      setTimeout(() => { button.textContent = "Copy link"; }, 2500);
    });
    return [button, field];
  };

  const header = ({ entry, layout, place, state, alone }) => {
    const split = layout.index.splits[layout.index.split[place]];
    const here = x.address({ ...x.NOTHING, prompt: entry.id, pair: state.pair });
    return vp.el("header", null,
      vp.el("h3", { tabindex: "-1", class: entry.text.length > LONG ? "long" : null }, entry.text),
      vp.el("div", { class: "meta" }, vp.simulated(entry.simulated), split ? vp.badge(split) : null,
        vp.el("span", null, entry.source), entry.licence ? vp.el("span", null, entry.licence) : null,
        vp.el("a", { href: here, title: "Link to this prompt" }, entry.id), link(here),
        alone ? vp.el("a", { class: "all-clips", href: x.address({ ...state, prompt: entry.id, pair: "" }), "data-pair": "" }, "← All clips") : null));
  };

  /** {card, transport, clips}: the card of a prompt. ``place`` is the prompt's, ``columns`` those that were loaded,
      ``mask`` the clips that meet the filters, ``extra`` the sources whose disagreement is asked for. */
  x.promptCard = ({ entry, place, layout, columns, answers, state, mask, extra }) => {
    const pair = x.pairAsked(state.pair, entry.clips.length), videos = [];
    const numbers = pair || entry.clips.map((_, n) => n), clips = numbers.map((n) => entry.clips[n]);
    const cards = numbers.map((n) => clipCard(entry.clips[n], n,
      { layout, at: layout.starts[place] + n, videos, clips, columns, answers, mask }));
    const row = vp.el("div", { class: pair ? "clips alone" : "clips" }, cards.length ? cards : vp.note("None of its clips exists."));
    row.style.setProperty("--clips", Math.max(cards.length, 1));
    const transport = videos.length ? x.transport(videos) : null;
    const card = vp.el("article", { class: "prompt", id: `prompt-${entry.id}` },
      header({ entry, layout, place, state, alone: pair }), transport && transport.bar, row,
      x.pairTable({ prompt: entry, place, layout, columns, answers, extra, pair,
        address: (text) => x.address({ ...state, prompt: entry.id, pair: text }) }),
      vp.comparisonTable(entry));
    return { card: transport ? transport.watch(card) : card, transport, clips, numbers };
  };
})();
