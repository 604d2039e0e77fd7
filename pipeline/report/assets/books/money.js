"use strict";
/* Where the money went: what each dollar bought, by judge and reason; the parts add up to what was spent. */
(() => {
  const KINDS = { good: "bought what was wanted", side: "watched the judges", waste: "bought nothing of use", other: "not told apart" };
  const known = (parts) => parts.every((part) => vp.isNumber(part.usd));
  const positive = (parts) => parts.filter((part) => part.usd > 0);
  const sum = (parts) => parts.reduce((total, part) => total + (part.usd || 0), 0);
  const ofPart = (part) => (part.n ? vp.plural(part.n, part.unit) : "");
  const cached = (parts) => sum(parts.filter((part) => part.part === "cached"));

  /** One bar per account, in dollars on one scale; parts in the order of the table. */
  const bars = (accounts) => vp.chart("What the money of each judge bought", (width) => {
    const narrow = width < 620, row = narrow ? 58 : 46, left = narrow ? 0 : 190, right = width - (narrow ? 0 : accounts.some((a) => cached(a.parts) < 0) ? 210 : 96);
    const most = Math.max(...accounts.map((a) => sum(positive(a.parts))), 1e-12);
    return vp.canvas(width, accounts.length * row + 2, accounts.map((account, n) => {
      const y = n * row + (narrow ? 22 : 6);
      const parts = positive(account.parts);
      let x = left;
      const pieces = parts.map((part) => {
        const kind = vp.partKind(part), { defs, fill } = vp.pattern(kind), wide = Math.max(((right - left) * part.usd) / most, 2);
        const piece = [defs, vp.svg("g", null, vp.svg("title", null, `${account.account}, ${vp.partName(part)}: ${vp.dollars(part.usd)}`),
          vp.svg("rect", { class: `flow ${kind}`, x, y, width: Math.max(wide - 1, 1.5), height: 22, rx: 1.5, fill }))];
        x += wide;
        return piece;
      });
      const before = cached(account.parts) < 0, total = before ? `${vp.dollars(sum(parts))}, ${vp.dollars(account.usd)} of it here` : vp.dollars(account.usd);
      return vp.svg("g", null, pieces, ...(narrow
        ? [vp.text(0, y - 7, account.account), vp.text(width, y - 7, total, { "text-anchor": "end", class: "value" })]
        : [vp.text(left - 12, y + 15, account.account, { "text-anchor": "end" }), vp.text(Math.min(x + 8, right + 8), y + 15, total, { class: "value" })]));
    }));
  });

  /** Which runs all this was spent by: a merged dataset has none of its own, and no last one. */
  const spenders = (money) => (money.run ? "over all runs on this folder" : "over all runs that were merged");

  /** Parts down, accounts across, and their sum; the last row is what was spent, which the parts add up to. */
  const table = (money) => {
    const accounts = money.accounts, several = accounts.length > 1;
    const same = (a, b) => a.part === b.part && a.reason === b.reason;
    const cell = (account, part) => {
      const found = account.parts.find((one) => same(one, part));
      if (!found) return vp.el("span", { class: "muted" }, "–");
      return [vp.el("span", { class: "figure" }, vp.dollars(found.usd)), vp.el("span", { class: "n line" }, ofPart(found)),
        found.unknown ? vp.el("span", { class: "n line" }, `${vp.count(found.unknown)} of unknown cost`) : null];
    };
    const cost = known(money.total.parts) ? sum(positive(money.total.parts)) : 0;
    const share = (usd) => (cost > 0 && vp.isNumber(usd) ? vp.percent(usd / cost) : "–");
    const rows = [...money.total.parts, { part: null }];
    const last = (account) => [vp.el("strong", { class: "figure" }, vp.dollars(account.usd)), vp.el("span", { class: "n line" }, vp.plural(account.requests, "request"))];
    return vp.table(`What each dollar bought, ${spenders(money)}: the parts add up to what was spent`, [
      { name: "What for", head: true, get: (p) => (p.part ? vp.partName(p) : "spent in all") },
      ...accounts.map((account) => ({ name: account.account, number: true, get: (p) => (p.part ? cell(account, p) : last(account)) })),
      ...(several ? [{ name: "together", number: true, get: (p) => (p.part ? cell(money.total, p) : last(money.total)) }] : []),
      { name: "share of the cost", number: true, get: (p) => share((p.part ? p : money.total).usd) },
    ], rows, { class: "pivot sums" });
  };

  const tile = (big, name, more) => vp.el("li", null, vp.el("span", { class: "big" }, big), vp.el("span", { class: "name" }, name), more ? vp.el("span", { class: "more" }, more) : null);

  const tiles = (money) => {
    const useful = sum(money.total.parts.filter((part) => vp.partKind(part) === "good"));
    return vp.el("ul", { class: "tiles" },
      tile(vp.dollars(money.total.usd), money.run ? "spent over all runs" : "spent by the runs that were merged", [vp.plural(money.total.requests, "request"),
        vp.isNumber(money.total.usd) ? null : `, ${vp.dollars(sum(money.accounts))} known`]),
      money.run ? tile(vp.dollars(money.run.usd), "of it by the last run", vp.isNumber(money.run.requests) ? vp.plural(money.run.requests, "request") : null) : null,
      known(money.total.parts) && sum(positive(money.total.parts)) > 0
        ? tile(vp.percent(useful / sum(positive(money.total.parts))), "of the cost bought what was wanted", vp.dollars(useful)) : null,
      money.rates.map((rate) => tile(vp.dollars(rate.usd), `per ${rate.per}, all in`, vp.isNumber(rate.of) ? `${vp.dollars(rate.of)}, n = ${vp.count(rate.n)}` : `n = ${vp.count(rate.n)}`)));
  };

  /** The caps, each as a bar: spent of what may be. */
  const caps = (money) => {
    if (!money.cap.length) return !money.run ? null : vp.note("No cap: budget: in the configuration would set one, in US dollars, tokens or requests.");
    const write = (unit, value) => (unit === "usd" ? vp.dollars(value) : vp.isNumber(value) ? `${vp.count(value)} ${unit}` : "unknown");
    return money.cap.map((cap) => vp.el("div", { class: "cap" },
      vp.el("p", null, vp.el("strong", null, `${write(cap.unit, cap.left)} left`), ` of the cap of ${write(cap.unit, cap.cap)} over all runs on this folder; ${write(cap.unit, cap.spent)} spent`
        + (vp.isNumber(cap.spent) ? ` (${vp.percent(cap.spent / cap.cap)}).` : ".")),
      vp.isNumber(cap.spent) ? vp.el("meter", { min: 0, max: cap.cap, value: Math.min(cap.spent, cap.cap), "aria-label": `spent of the cap of ${write(cap.unit, cap.cap)}` }) : null));
  };

  /** What a reader must know of the lines that are no verdicts. */
  const remarks = (money) => {
    const parts = money.total.parts, has = (name) => parts.some((part) => part.part === name);
    const asked = money.accounts.filter((a) => a.again), again = asked.reduce((total, a) => total + a.again, 0), usd = asked.map((a) => a.again_usd).filter(vp.isNumber);
    const price = !usd.length ? "an unknown sum" : `${vp.dollars(usd.reduce((a, b) => a + b, 0))}${usd.length < asked.length ? " and an unknown sum" : ""}`;
    const paid = money.accounts.filter((a) => a.role === "judge").map((a) => ({ own: sum(a.parts.filter((p) => !["sentinels", "canary", "lost", "elsewhere", "cached"].includes(p.part))), run: a.run }));
    const before = money.run && vp.isNumber(money.run.usd) && known(parts) ? paid.reduce((total, a) => total + Math.max(0, a.own - (a.run && vp.isNumber(a.run.usd) ? a.run.usd : 0)), 0) : 0;
    return [
      money.rates.length ? "All in: refusals, sentinels and lost requests count, too, and replies that were paid for before; of pairs and clips, what generators cost as well."
        + " What the replies to a verdict alone cost stands under Judges." : null,
      has("lost") ? "Lost: requests without an answer. Billed or not, nobody knows; each counts at the most it can have cost." : null,
      has("elsewhere") ? "Not in the tables: money that the ledger knows and no row accounts for: verdicts of another configuration or on clips that were withdrawn, looks with preview, replies whose cost their row could not state, sentinels of a version that did not keep them apart." : null,
      has("cached") ? `Paid before: the tables hold replies worth ${vp.dollars(-cached(parts))} more than was spent here; they lay in the journal, paid for by another run or before the ledger began. They cost nothing again, so the line is negative.` : null,
      before > 5e-7 && !has("cached") ? `Of what the verdicts cost, at least ${vp.dollars(before)} had been paid before the last run: replies in the journal cost nothing again.` : null,
      again ? `Of it, asking again one by one: ${price} for ${vp.plural(again, "request")} after a reply that was cut or lacked something, or that a retry set aside. A verdict carries what all replies to its question cost.` : null,
      money.gate_usd > 0 ? `Of it, the gate: ${vp.dollars(money.gate_usd)} for the verdicts on clips that were judged before all others.` : null,
      money.told_apart ? null : "This record is of a version that kept no account apart over several runs, so all judges are one here.",
      money.prices_of ? `Prices are those of ${money.prices_of}; where a model has none, its cost is unknown, never zero.` : null,
    ].filter(Boolean).map((text) => vp.el("li", null, text));
  };

  const requests = (money) => vp.el("details", null, vp.el("summary", null, "Requests and tokens of each judge"),
    vp.table(`Requests and tokens ${spenders(money)}${money.run ? "; the last run beside them" : ""}`, [
      { name: "Judge", head: true, get: (a) => a.account },
      { name: "spent", number: true, get: (a) => vp.dollars(a.usd) },
      { name: "requests", number: true, get: (a) => vp.count(a.requests) },
      { name: "of them lost", number: true, get: (a) => vp.count(a.lost_requests) },
      { name: "input tokens", number: true, get: (a) => vp.count(a.input_tokens) },
      { name: "output tokens", number: true, get: (a) => vp.count(a.output_tokens) },
      ...(money.run ? [{ name: "spent by the last run", number: true, get: (a) => (a.run ? vp.dollars(a.run.usd) : "–") },
        { name: "its requests", number: true, get: (a) => (a.run ? vp.count(a.run.requests) : "–") }] : []),
    ], money.accounts));

  vp.money = ({ run, books }) => {
    const { money } = books;
    if (!run.manifest.spend) return [vp.note("This run kept no record of what it spent.")];
    if (money.free) return [vp.el("p", { class: "lead" }, "This run cost nothing: no judge or generator of it asks for money, and no request was sent.")];
    const paying = { ...money, accounts: money.accounts.filter((a) => a.requests || sum(positive(a.parts)) > 0 || !vp.isNumber(a.usd)) };
    const free = money.accounts.filter((a) => !paying.accounts.includes(a)).map((a) => a.account);
    const shown = paying.accounts.filter((a) => known(a.parts) && sum(positive(a.parts)) > 0);
    // verdicts of free judges are no part of the money
    paying.total = { ...money.total, parts: money.total.parts.filter((part) => paying.accounts.some((a) => a.parts.some((one) => one.part === part.part && one.reason === part.reason)))
      .map((part) => ({ ...part, n: paying.accounts.flatMap((a) => a.parts).filter((one) => one.part === part.part && one.reason === part.reason).reduce((n, one) => n + one.n, 0) })) };
    const kinds = vp.unique(["good", "side", "waste", "other"].filter((kind) => shown.some((a) => positive(a.parts).some((part) => vp.partKind(part) === kind))));
    return [tiles(paying), caps(money),
      shown.length ? vp.el("figure", null, vp.keyOf(kinds.map((kind) => [kind, KINDS[kind]])), bars(shown),
        vp.el("figcaption", null, `Dollars ${spenders(money)}, one scale for all${shown.some((a) => cached(a.parts) < 0) ? "; a bar holds what was paid before, too" : ""}.`)) : null,
      table(paying), free.length ? vp.note(`Free of charge: ${free.join(", ")}.`) : null,
      vp.el("ul", { class: "prose" }, remarks(money)), requests(paying)];
  };
})();
