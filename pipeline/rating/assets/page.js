"use strict";
// The page: who rates, one item after another, and the end.

const $ = (id) => document.getElementById(id);
let rater = null;
let state = null;
let order = [];
let current = 0; // of the dimensions of the item on show: where the next key goes
let isDirty = false; // answers that were neither stored nor downloaded

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function only(id) {
  for (const section of ["start", "item", "done"]) $(section).hidden = section !== id;
  for (const button of ["download", "leave", "progress"]) $(button).hidden = id === "start";
  window.scrollTo(0, 0);
}

// ---- clips: bytes lie in the page as text and become a blob when they are looked at ----
const blobs = new Map();

function address(n) {
  if (!blobs.has(n)) {
    const bytes = Uint8Array.from(atob($(`clip-${n}`).textContent), (c) => c.charCodeAt(0));
    blobs.set(n, URL.createObjectURL(new Blob([bytes], { type: DATA.clips[n].mime })));
  }
  return blobs.get(n);
}

function forget(others) {
  for (const [n, url] of blobs) {
    if (others.includes(n)) continue;
    URL.revokeObjectURL(url);
    blobs.delete(n);
  }
}

function clip(n, letter) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const video = element("video", { src: address(n), controls: true, loop: true, muted: true, playsInline: true, autoplay: !still });
  video.setAttribute("aria-label", letter ? `Video ${letter}` : "The video");
  video.disablePictureInPicture = true;
  const figure = element("figure", { className: "clip" }, video);
  if (letter) figure.prepend(element("figcaption", {}, letter));
  video.addEventListener("error", () => {
    figure.append(element("p", { className: "fault", role: "alert" }, "This browser cannot play the video. Skip the item."));
  });
  return figure;
}

// ---- questions ----
function option(dimension, value, key, ...words) {
  const input = element("input", { type: "radio", name: dimension.name, value: String(value) });
  input.addEventListener("change", () => answer(dimension.name, String(value)));
  return element("label", { className: "option" }, input, ...words, element("kbd", { ariaHidden: "true" }, key.toUpperCase()));
}

function span(name, text) {
  return element("span", { className: name }, text);
}

function question(dimension, n) {
  const asked = PAIRS ? `Which video is better? ${dimension.question}` : dimension.question;
  const options = PAIRS
    ? CHOICES.map((c) => option(dimension, c.value, c.key, span("", c.label)))
    : dimension.points.map((p) =>
        option(dimension, p.score, String(p.score), span("score", p.score), span("name", p.label), span("anchor", p.anchor)),
      );
  const set = element("fieldset", { className: PAIRS ? "choice" : "scale" },
    element("legend", {}, element("b", {}, dimension.title), span("question", asked)),
    element("div", { className: "options" }, ...options));
  set.addEventListener("focusin", () => mark(n));
  return set;
}

function mark(n) {
  current = Math.max(0, Math.min(n, DATA.dimensions.length - 1));
  [...$("questions").children].forEach((set, k) => set.classList.toggle("current", k === current));
}

function answer(name, value) {
  const item = order[state.at];
  state.answers[item.item] = { ...state.answers[item.item], [name]: value };
  delete state.skipped[item.item];
  $("missing").textContent = "";
  save();
}

function save() {
  kept.write(rater, state);
  isDirty = !kept.works;
  trouble();
  tell();
}

function trouble() {
  $("trouble").hidden = kept.works;
  $("trouble").textContent = "This browser keeps nothing for this page: answers are lost when it is closed. Download them before you leave.";
}

function tell() {
  const done = order.filter((item) => isComplete(state, item)).length;
  $("where").textContent = state.at < order.length ? `${state.at + 1} of ${order.length} · ${done} done` : `${done} of ${order.length} done`;
  $("progress").value = done / order.length;
}

// ---- one item ----
function show() {
  if (state.at >= order.length) return finish();
  only("item");
  const item = order[state.at];
  const shown = shownTo(rater, item);
  forget(shown);
  $("prompt").textContent = item.prompt;
  $("item").className = PAIRS ? "" : "rating";
  $("clips").className = `clips ${PAIRS ? "two" : "one"}`;
  $("clips").replaceChildren(...shown.map((n, k) => clip(n, PAIRS ? "AB"[k] : "")));
  $("questions").replaceChildren(...DATA.dimensions.map(question));
  const given = state.answers[item.item] || {};
  for (const input of $("questions").querySelectorAll("input")) input.checked = given[input.name] === input.value;
  const open = DATA.dimensions.findIndex((d) => !(d.name in given));
  mark(open < 0 ? DATA.dimensions.length - 1 : open);
  $("back").disabled = state.at === 0;
  $("missing").textContent = "";
  tell();
  $("prompt").focus({ preventScroll: true });
}

function go(to) {
  state.at = Math.max(0, Math.min(to, order.length));
  save();
  show();
}

function next() {
  const item = order[state.at];
  const open = DATA.dimensions.findIndex((d) => !(d.name in (state.answers[item.item] || {})));
  if (open < 0) return go(state.at + 1);
  mark(open);
  $("missing").textContent = `${DATA.dimensions[open].title} has no answer yet. Choose one, or skip the item.`;
  $("questions").children[open].querySelector("input").focus();
}

function skip() {
  const item = order[state.at];
  delete state.answers[item.item]; // half an answer is none
  state.skipped[item.item] = true;
  go(state.at + 1);
}

function finish() {
  only("done");
  forget([]);
  const open = order.filter((item) => !isComplete(state, item)).length;
  const done = order.length - open;
  $("summary").textContent = `You answered ${done} of ${order.length}` + (open ? `; ${open} ${open === 1 ? "was" : "were"} skipped.` : ".");
  $("end").textContent = open ? "That was the last one." : "All done. Thank you.";
  $("again").hidden = !open;
  tell();
  $("end").focus();
}

function again() {
  go(order.findIndex((item) => !isComplete(state, item)));
}

function download() {
  const url = URL.createObjectURL(new Blob([table(rater, state)], { type: "text/csv;charset=utf-8" }));
  const name = `${PAIRS ? "votes" : "ratings"}-${DATA.selection.slice(0, 8)}-${rater.replaceAll(/[^\p{L}\p{N}_-]+/gu, "-")}.csv`;
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  isDirty = false;
}

// ---- keys ----
function play(fromStart) {
  const videos = [...document.querySelectorAll("#clips video")];
  const run = fromStart || videos.some((v) => v.paused);
  for (const video of videos) {
    if (fromStart) video.currentTime = 0;
    if (run) video.play().catch(() => {});
    else video.pause();
  }
}

function choose(key) {
  const set = $("questions").children[current];
  const values = PAIRS ? CHOICES : DATA.dimensions[current].points.map((p) => ({ value: p.score, key: String(p.score) }));
  const found = values.find((v) => v.key === key);
  if (!found) return false;
  const input = [...set.querySelectorAll("input")].find((one) => one.value === String(found.value));
  input.checked = true;
  answer(input.name, input.value);
  mark(current + 1);
  $("questions").children[current].scrollIntoView({ block: "nearest" });
  return true;
}

function pressed(event) {
  if (!$("use-keys").checked || $("item").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const own = event.target.closest("button, a, video, input"); // they have keys of their own
  const does = { backspace: () => state.at && go(state.at - 1), n: next, s: skip, r: () => play(true) };
  if (!own) does[" "] = () => play(false);
  if (!own || own.matches("input")) does.enter = next;
  if (does[key]) does[key]();
  else if (!choose(key)) return;
  event.preventDefault();
}

// ---- start ----
function begin(event) {
  event.preventDefault();
  const name = $("rater").value.trim().replaceAll(/\s+/g, " ").normalize("NFC");
  const isGood = NAME.test(name);
  $("rater").setAttribute("aria-invalid", String(!isGood));
  $("rater-error").textContent = isGood ? "" : name
    ? "Use letters, digits, blanks and . _ @ - alone, a letter or digit first, 64 at most."
    : "Please give a name.";
  if (!isGood) return $("rater").focus();
  rater = name;
  state = kept.read(rater);
  order = orderFor(rater);
  state.at = Math.max(0, Math.min(state.at, order.length));
  trouble();
  show();
}

function leave() {
  document.querySelectorAll("#clips video").forEach((video) => video.pause());
  $("where").textContent = "";
  only("start");
  $("rater").focus();
}

function explain() {
  const n = DATA.items.length;
  $("task").textContent = PAIRS
    ? `${n} ${n === 1 ? "pair" : "pairs"} of videos. Both of a pair were made from the same text. Say which is better, for each question on its own.`
    : `${n} ${n === 1 ? "video" : "videos"}, each made from a text. Give a score for each question on its own: a fine picture may show the wrong thing.`;
  for (const d of DATA.dimensions) {
    const points = d.points.flatMap((p) => [element("dt", {}, `${p.score} ${p.label}`), element("dd", {}, p.anchor)]);
    $("rubric").append(element("h3", {}, `${d.title}: ${d.question}`), element("dl", { className: "points" }, ...points));
  }
  const answers = PAIRS ? CHOICES.map((c) => [c.key.toUpperCase(), c.label]) : [[span("", "a digit"), "the score of the question in the frame"]];
  const keys = [...answers, ["Enter", "next item (also N)"], ["Backspace", "back"], ["S", "skip the item"], ["Space", "play and pause"], ["R", "from the start"]];
  for (const [key, what] of keys) {
    $("keys").append(element("dt", {}, typeof key === "string" ? element("kbd", {}, key) : key), element("dd", {}, what));
  }
}

function theme() {
  const names = ["auto", "light", "dark"];
  const now = document.documentElement.dataset.theme || "auto";
  const chosen = names[(names.indexOf(now) + 1) % 3];
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  $("theme").lastElementChild.textContent = `: ${chosen}`;
  $("theme").setAttribute("aria-label", `Theme: ${chosen}`);
}

$("who").addEventListener("submit", begin);
$("item").addEventListener("submit", (event) => (event.preventDefault(), next()));
$("back").addEventListener("click", () => go(state.at - 1));
$("skip").addEventListener("click", skip);
$("reopen").addEventListener("click", () => go(order.length - 1));
$("again").addEventListener("click", again);
$("take").addEventListener("click", download);
$("download").addEventListener("click", download);
$("leave").addEventListener("click", leave);
$("theme").addEventListener("click", theme);
document.addEventListener("keydown", pressed);
addEventListener("beforeunload", (event) => isDirty && event.preventDefault());
explain();
trouble();
