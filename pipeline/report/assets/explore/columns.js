"use strict";
/* The columns of every dimension, loaded when they are needed. */
(() => {
  const x = vp.explore;

  /** {loaded: by dimension, missing(names), load(names)} of the dimensions that an ``index`` names. */
  x.columnStore = (index) => {
    const loaded = new Map();
    const one = async (name) => { loaded.set(name, await vp.load(index.dimensions.find((d) => d.name === name).file)); };
    return { loaded, missing: (names) => names.filter((name) => !loaded.has(name)), load: (names) => Promise.all(names.map(one)) };
  };
})();
