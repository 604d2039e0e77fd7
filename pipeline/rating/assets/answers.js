"use strict";
// What a rater is shown in which order, what was answered, and the table that comes of it.

const DATA = JSON.parse(document.getElementById("data").textContent);
const PAIRS = DATA.mode === "pairs";
const CHOICES = [
  { value: "a", key: "a", label: "A is better" },
  { value: "b", key: "b", label: "B is better" },
  { value: "tie", key: "t", label: "No difference" },
  { value: "both_good", key: "g", label: "Both good" },
  { value: "both_bad", key: "d", label: "Both bad" },
];
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u; // no slash; nothing a spreadsheet takes for a formula

// FNV-1a, then the finaliser of MurmurHash3: the low bits of the first alone are no fair coin.
function hash(...fields) {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(fields.join("\n"))) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const drawn = (rater, item) => hash(DATA.selection, rater, "order", item.item);
const isTurned = (rater, item) => PAIRS && (hash(DATA.selection, rater, "side", item.item) & 1) === 1;
const orderFor = (rater) =>
  [...DATA.items].sort((x, y) => drawn(rater, x) - drawn(rater, y) || (x.item < y.item ? -1 : 1));
const shownTo = (rater, item) => (isTurned(rater, item) ? [...item.clips].reverse() : item.clips);

// Local storage may be off (private windows, some browsers for files): then answers live with the page.
const kept = {
  works: (() => {
    try {
      localStorage.setItem("videoprefer-try", "1");
      localStorage.removeItem("videoprefer-try");
      return true;
    } catch {
      return false;
    }
  })(),
  memory: new Map(),
  key: (rater) => `videoprefer-rate-${DATA.selection}-${rater}`,
  read(rater) {
    const empty = { answers: {}, skipped: {}, at: 0 };
    try {
      const text = this.works ? localStorage.getItem(this.key(rater)) : this.memory.get(rater);
      const found = text && JSON.parse(text);
      return found && found.answers && found.skipped ? { ...empty, ...found } : empty;
    } catch {
      return empty;
    }
  },
  write(rater, state) {
    this.memory.set(rater, JSON.stringify(state));
    if (!this.works) return;
    try {
      localStorage.setItem(this.key(rater), JSON.stringify(state));
    } catch {
      this.works = false; // full
    }
  },
};

function isComplete(state, item) {
  const given = state.answers[item.item] || {};
  return DATA.dimensions.every((d) => d.name in given);
}

const plain = (code) => new TextDecoder().decode(Uint8Array.from(atob(code), (c) => c.charCodeAt(0)));
const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

// The plain table: of pairs, video_a is the clip that this rater saw as A.
function table(rater, state) {
  const header = PAIRS
    ? ["prompt_id", "video_a", "video_b", "rater", "dimension", "choice"]
    : ["video_id", "prompt_id", "rater", "dimension", "score"];
  const rows = [header];
  for (const item of DATA.items) {
    const given = state.answers[item.item] || {};
    const [first, second] = shownTo(rater, item).map((n) => plain(DATA.clips[n].code));
    const prompt = plain(item.code);
    for (const { name } of DATA.dimensions) {
      if (!(name in given)) continue;
      rows.push(PAIRS ? [prompt, first, second, rater, name, given[name]] : [first, prompt, rater, name, given[name]]);
    }
  }
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}
