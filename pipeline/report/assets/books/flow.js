"use strict";
/* What went into every stage and what came out of it, as bars in the order of the stages. */
(() => {
  const balances = ([, book]) => !book.missing && !book.unexpected;
  const kindOf = (field) => field;

  vp.bookRows = (manifest) => {
    const books = Object.entries(manifest.books || {}), place = (name) => (vp.STAGES.indexOf(name) + 1 || vp.STAGES.length + 1);
    return books.sort((a, b) => place(a[0]) - place(b[0]));
  };

  /** A stage's numbers in lines of at most ``most`` characters. */
  const inLines = (book, narrow, most, all) => {
    const said = all.filter(({ field }) => field !== "written" && book[field] > 0)
      .map(({ field, word }) => `${vp.count(book[field])} ${narrow ? word.replace("owed to a failure ", "") : word}`);
    const lines = [`${vp.count(book.written)} of ${vp.count(book.owed)} written`];
    said.forEach((word) => {
      const longer = `${lines[lines.length - 1]} · ${word}`;
      if (longer.length > most) lines.push(word); else lines[lines.length - 1] = longer;
    });
    return lines;
  };

  /** One bar per stage, as wide as all it owed; its parts in the order of ``all`` ends, each with its number below. */
  const bars = (books, all) => vp.chart("What each stage owed and where it ended", (width) => {
    const narrow = width < 620, left = narrow ? 0 : 172, right = width - 1, top = 2;
    const lines = books.map(([, book]) => inLines(book, narrow, Math.floor((right - left) / 6.3), all));
    const row = (narrow ? 60 : 46) + 16 * Math.max(...lines.map((own) => own.length));
    const drawn = books.map(([stage, book], n) => {
      const y = top + n * row + (narrow ? 20 : 4), high = 20;
      const parts = all.filter(({ field }) => book[field] > 0);
      const total = parts.reduce((sum, { field }) => sum + book[field], 0) || 1;
      const least = 3; // a part that is there is seen, however small
      const room = right - left - least * parts.length;
      let x = left;
      const pieces = parts.map(({ field, word }) => {
        const wide = least + (room * book[field]) / total, { defs, fill } = vp.pattern(kindOf(field));
        const piece = [defs, vp.svg("g", null, vp.svg("title", null, `${vp.stageName(stage)}: ${vp.count(book[field])} ${word}`),
          vp.svg("rect", { class: `flow ${field}`, x, y, width: Math.max(wide - 1, 2), height: high, rx: 1.5, fill }))];
        x += wide;
        return piece;
      });
      const name = narrow ? [vp.text(0, y - 7, vp.stageName(stage), { class: "stage" }), vp.text(right, y - 7, vp.plural(book.owed, vp.stageUnit(stage)), { class: "small", "text-anchor": "end" })]
        : [vp.text(0, y + 9, vp.stageName(stage), { class: "stage" }), vp.text(0, y + 26, vp.plural(book.owed, vp.stageUnit(stage)), { class: "small" })];
      const step = n < books.length - 1 && !narrow ? vp.svg("path", { class: "axis", fill: "none", d: `M${left - 14} ${y + 2}v${row - 4}` }) : null;
      const dot = narrow ? null : vp.svg("circle", { class: balances([stage, book]) ? "stop" : "stop bad", cx: left - 14, cy: y + high / 2, r: 4 });
      return vp.svg("g", null, step, dot, name, pieces, lines[n].map((text, k) => vp.text(left, y + high + 16 * (k + 1), text, { class: "small" })));
    });
    return vp.canvas(width, top + books.length * row, drawn);
  });

  /** Whether each stage accounts for all it owed, in a sentence; the keys where one does not. */
  const sentence = (books, merged) => {
    const off = books.filter((one) => !balances(one));
    if (!off.length) {
      const owed = books.reduce((sum, [, book]) => sum + book.owed, 0);
      if (merged) {
        return vp.el("p", { class: "lead" }, vp.el("strong", null, `All ${vp.plural(books.length, "table")} balance. `),
          `Each of the ${vp.count(owed)} rows of the runs that were merged is written, or is there already by an earlier run, or was left out by a stated rule.`);
      }
      return vp.el("p", { class: "lead" }, vp.el("strong", null, `All ${vp.plural(books.length, "stage")} balance. `),
        `Each of the ${vp.count(owed)} rows owed is written, or failed with a reason, or is owed to a failure upstream, or was left out by a stated rule.`);
    }
    return vp.el("p", { class: "lead" }, vp.el("strong", { class: "bad" }, `${vp.plural(off.length, "stage")} of ${books.length} ${off.length === 1 ? "does" : "do"} not balance: `),
      off.map(([stage]) => vp.stageName(stage)).join(", "), ". The dataset is not complete: run the same command again.");
  };

  /** The keys that a stage lost or wrote without owing them. */
  const unbalanced = (books) => books.flatMap(([stage, book]) => ["missing", "unexpected"]
    .filter((kind) => book[kind]).map((kind) => {
      const keys = book[`${kind}_keys`] || [], more = book[kind] - keys.length;
      return vp.el("p", { class: "notice" }, `${vp.stageName(stage)}: ${vp.count(book[kind])} `,
        kind === "missing" ? "owed and neither written nor failed" : "there twice, or never owed", keys.length ? ": " : ".",
        keys.map((key, n) => [n ? ", " : "", vp.el("code", null, key)]), more > 0 && keys.length ? ` and ${vp.count(more)} more` : "");
    }));

  /** What a failure upstream cost downstream, a sentence per stage that paid for one. */
  const links = (books) => {
    const said = books.filter(([, book]) => book.upstream).map(([stage, book]) => {
      const before = books.filter(([name, one]) => one.failed && vp.stagesBefore(stage).includes(name));
      const why = before.map(([name, one]) => `${vp.count(one.failed)} failed in ${vp.words(name)}`).join(", ");
      return vp.el("li", null, vp.el("strong", null, vp.words(stage)), `: ${vp.plural(book.upstream, vp.stageUnit(stage))} of ${vp.count(book.owed)} `
        + `(${vp.percent(book.upstream / book.owed)}) could not be had because something before it failed${why ? `: ${why}` : ""}.`);
    });
    return said.length ? [vp.el("h3", null, "What a failure cost further on"), vp.el("ul", { class: "prose" }, said)] : null;
  };

  const table = (books, all, merged) => vp.table(`What each ${merged ? "table" : "stage"} owed and where it ended`, [
    { name: merged ? "Table" : "Stage", head: true, get: (b) => [vp.stageName(b[0]), vp.el("span", { class: "n line" }, vp.stageDoes(b[0]))] },
    { name: "owed", number: true, get: (b) => vp.count(b[1].owed) },
    ...all.map(({ field, word }) => ({ name: word, number: true, get: (b) => (b[1][field] ? vp.count(b[1][field]) : vp.el("span", { class: "muted" }, "0")) })),
    { name: "balances", get: (b) => vp.badge(...(balances(b) ? ["yes", "good"] : ["no", "bad"])) },
  ], books);

  vp.books = ({ manifest }) => {
    const books = vp.bookRows(manifest);
    if (!books.length) return [vp.note("This run kept no books.")];
    const merged = vp.isMerge(books.map(([stage]) => stage)), all = merged ? vp.MERGE_ENDS : vp.ENDS;
    const ends = all.filter(({ field }) => books.some(([, book]) => book[field]));
    return [sentence(books, merged), unbalanced(books),
      vp.el("figure", null, vp.keyOf(ends.map(({ field, word }) => [field, word])), bars(books, all),
        vp.el("figcaption", null, merged ? "Each bar is all rows of a table, over all runs that were merged, so bars of different tables are not to one scale."
          : "Each bar is all that a stage owed, so bars of different stages are not to one scale.")),
      merged ? null : links(books), table(books, all, merged)];
  };
})();
