"use strict";
/* What went in and came out of every stage, what failed and why, what was paid, and how the judges did. */
(() => {
vp.start();
const { data } = vp;
const sections = [
  vp.section("books", "Books", vp.books(data.run)),
  vp.section("failures", "Failures", vp.failures(data)),
  vp.section("money", "Money", vp.money(data)),
  vp.section("judges", "Judges", vp.judgesHealth(data)),
  vp.section("drift", "Did a judge change?", vp.drift(data) || []),
  vp.section("gate", "Before the other clips", vp.gate(data) || []),
  vp.section("notes", "Notes", vp.notes(data) || []),
  vp.section("run", "This run", vp.asRun(data))].filter(Boolean);
vp.add(document.getElementById("content"), [vp.begin("Books, money, health"), vp.contents(sections), sections]);
})();
