"use strict";
/* The keyboard: one table of keys, what they do, and the dialog that lists them. */
(() => {
  const x = vp.explore;
  const KEYS = [["/", "search"], ["j  k", "next, previous prompt"], ["[  ]", "previous, next page"], ["space  p", "play or pause all clips"],
    ["←  →", "one frame back, on"], ["1 … 9", "go to that clip"], ["f", "frames of the clip, as the judge saw them"], ["a", "all clips, out of a pair"],
    ["?", "this list"], ["Esc", "close, or leave the search"]];

  const dialog = () => {
    const box = vp.el("dialog", { id: "keys", "aria-labelledby": "keys-title" });
    vp.add(box, [vp.el("h2", { id: "keys-title" }, "Keys"),
      vp.el("dl", { class: "keys" }, KEYS.map(([key, words]) => vp.el("div", null,
        vp.el("dt", null, key.split("  ").map((one) => [vp.el("kbd", null, one), " "])), vp.el("dd", null, words)))),
      vp.el("p", { class: "note" }, "In the frames: ← and → go through a clip, ↑ and ↓ to the same frame of the other clips."),
      vp.el("button", { type: "button", class: "quiet", onclick: () => box.close() }, "Close")]);
    document.body.append(box);
    return box;
  };

  /* Keys that a control under the focus has its own use for are left to it. */
  const taken = (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return true;
    if (target.closest("input, select, textarea, [contenteditable]")) return key !== "Escape";
    if (key === " " || key === "Enter") return Boolean(target.closest("button, a, summary, [tabindex='0']"));
    return key.startsWith("Arrow") && Boolean(target.closest("[tabindex='0']"));
  };

  /** What keys do to the opened prompt, beside what they do to the list: false where there is nothing to do. */
  x.actions = (detail, { search, ...others }) => {
    const transport = () => (detail.shown() || {}).transport;
    const focused = () => {
      const shown = detail.shown(), own = document.activeElement.closest(".clip");
      const at = own && shown ? shown.numbers.findIndex((n) => own.id === `clip-${n + 1}`) : -1;
      return shown && (shown.clips[at] || shown.clips.find((clip) => clip.frames));
    };
    const clip = (n) => {
      const box = detail.box.querySelector(`#clip-${n}`);
      if (!box) return false;
      box.focus();
      return box.scrollIntoView({ block: "nearest" });
    };
    const frames = () => {
      const own = focused();
      return own && own.frames ? vp.viewFrames(own, 0, detail.shown().clips) : false;
    };
    return { ...others, clip, frames, search: () => { search.focus(); search.select(); },
      toggle: () => (transport() ? transport().toggle() : false), step: (by) => (transport() ? transport().step(by) : false),
      leave: () => { document.activeElement.blur(); return false; } };
  };

  /** Listen for keys; ``actions`` maps names to what they do. Returns what opens the list of keys. */
  x.keys = (actions) => {
    const list = dialog(), help = () => list.showModal();
    const does = { "/": actions.search, j: () => actions.go(1), k: () => actions.go(-1), "]": () => actions.turn(1), "[": () => actions.turn(-1),
      " ": actions.toggle, p: actions.toggle, ArrowLeft: () => actions.step(-1), ArrowRight: () => actions.step(1), f: actions.frames, a: actions.all,
      "?": help, Escape: actions.leave };
    document.addEventListener("keydown", (event) => {
      if (taken(event)) return;
      const act = /^[1-9]$/.test(event.key) ? () => actions.clip(Number(event.key)) : does[event.key];
      if (!act || act(event) === false) return;
      event.preventDefault();
    });
    return help;
  };
})();
