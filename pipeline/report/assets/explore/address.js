"use strict";
/* Everything that can be shared stands in the address, after the #. */
(() => {
  const x = vp.explore;
  const FILTERS = ["q", "generator", "split", "reason", "dimension", "source", "min", "max", "part"];
  const FIELDS = [...FILTERS, "order", "prompt", "pair", "page"];
  x.FILTERS = FILTERS;
  x.NOTHING = Object.fromEntries(FIELDS.map((name) => [name, ""]));

  const isPair = (text) => /^[1-9]\d*-[1-9]\d*$/.test(text) && new Set(text.split("-")).size === 2;
  const VALID = {
    min: (text) => text.trim() !== "" && Number.isFinite(Number(text)),
    max: (text) => text.trim() !== "" && Number.isFinite(Number(text)),
    order: (text) => Object.hasOwn(x.ORDERS, text),
    pair: isPair,
    page: (text) => /^[1-9]\d*$/.test(text) && text !== "1",
  };

  /** The state that an address names; what cannot be read in it counts as not set. */
  x.readAddress = (hash) => {
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    return Object.fromEntries(FIELDS.map((name) => {
      const text = given.get(name) || "";
      return [name, !VALID[name] || VALID[name](text) ? text : ""];
    }));
  };

  /** "#q=red&page=2"; "" where nothing is set. */
  x.address = (state) => {
    const set = FIELDS.filter((name) => state[name] !== "" && state[name] !== undefined).map((name) => [name, String(state[name])]);
    return set.length ? `#${new URLSearchParams(set)}` : "";
  };

  /** The two clips, counted from 0, that ``pair`` names, null where it names none of so many. */
  x.pairAsked = (text, clips) => {
    const pair = isPair(text) ? text.split("-").map((n) => Number(n) - 1).sort((a, b) => a - b) : null;
    return pair && pair.every((n) => n < clips) ? pair : null;
  };

  const AT_LEAST_MS = 1000; // between two steps that the way back keeps apart
  let last = -Infinity;
  /** Put the state into the address. ``how``: "push", the way back leads to the state before; "step", it does unless the
      last step was a moment ago, as while a key is held, for browsers limit how many there may be; else nothing is kept. */
  x.remember = (state, how) => {
    const here = location.href.split("#")[0] + x.address(state);
    if (here === location.href) return;
    const soon = how === "step" && performance.now() - last < AT_LEAST_MS;
    history[how && !soon ? "pushState" : "replaceState"](null, "", here);
    if (how === "step") last = performance.now();
  };
})();
