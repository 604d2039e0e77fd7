"use strict";
/* What all pages share beside their parts: data scripts, the navigation, the theme, printing. */

/** What the data scripts pushed, by kind. */
vp.data = {};
vp.waiting = {};
vp.receive = ({ kind, value }) => {
  if (vp.waiting[kind]) Object.assign(vp.waiting[kind], { done: true }).resolve(value);
  else vp.data[kind] = value;
};

/** A promise of what ``data/<kind>.js`` pushes; the script is loaded once, when first asked for. */
vp.load = (kind) => {
  if (!vp.waiting[kind]) {
    const slot = {};
    slot.promise = new Promise((resolve, reject) => Object.assign(slot, { resolve, reject }));
    vp.waiting[kind] = slot;
    const source = `data/${kind}.js`;
    const failed = (why) => () => {
      delete vp.waiting[kind]; // the next one who asks tries again
      slot.reject(new Error(`${source} ${why}: draw the report anew, or copy its folder whole`));
    };
    document.head.append(vp.el("script", { src: source, onerror: failed("is missing beside this page, or could not be read"),
      onload: () => { if (!slot.done) failed("is not whole")(); } }));
  }
  return vp.waiting[kind].promise;
};

/** Take what the data scripts pushed, and draw the frame of the page. */
vp.start = () => {
  const pushed = window.VIDEOPREFER || [];
  window.VIDEOPREFER = { push: vp.receive };
  pushed.forEach(vp.receive);
  vp.theme();
  if (!vp.data.pages) throw complaint("data/pages.js");
  navigation(vp.data.pages);
  printing();
};

/** Says on the page what is missing beside it: without that nothing can be drawn. */
const complaint = (name) => {
  const text = `${name} is missing beside this page: draw the report anew, or copy its folder whole.`;
  document.getElementById("content").append(vp.el("p", { class: "notice", role: "alert" }, text));
  return new Error(text);
};

const navigation = ({ pages }) => {
  const here = document.body.dataset.page;
  const links = pages.length > 1 ? pages : [];
  document.querySelector(".brand").href = pages[0].file;
  vp.add(document.getElementById("nav"), links.map((page) =>
    vp.el("a", { href: page.file, "aria-current": page.file === here ? "page" : null }, page.name)));
};

/** A section with a heading, null where nothing stands in it. */
vp.section = (id, title, ...content) => {
  const drawn = content.flat(Infinity).filter(Boolean);
  return drawn.length ? vp.el("section", { id, "aria-labelledby": `${id}-title` }, vp.heading(id, title), drawn) : null;
};

/** Links to the sections of a long page; the one that is read is marked. */
vp.contents = (sections) => {
  const links = sections.map((box) => vp.el("a", { href: `#${box.id}` }, box.querySelector("h2").textContent));
  const mark = (id) => links.forEach((link) => {
    if (link.getAttribute("href") === `#${id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
  const read = new Set(); // none at the top of the page, whatever was read before
  const current = new IntersectionObserver((entries) => {
    entries.forEach((entry) => read[entry.isIntersecting ? "add" : "delete"](entry.target));
    mark((sections.find((box) => read.has(box)) || {}).id);
  }, { rootMargin: "-20% 0px -75% 0px" });
  sections.forEach((box) => current.observe(box));
  return sections.length > 1 ? vp.el("nav", { class: "contents", "aria-label": "On this page" }, links) : null;
};

/** Where the page begins: what it is of, its title, and what of it is simulated. */
vp.begin = (title, ...more) => {
  const { of } = vp.data.pages;
  return [of ? vp.el("p", { class: "eyebrow" }, of) : null, vp.el("h1", { id: "title" }, title, more), vp.simulatedBanner(vp.data.pages)];
};

/* What is folded away is printed, too. */
const printing = () => {
  window.addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((box) => {
    box.open = true;
    box.dataset.folded = "true";
  }));
  window.addEventListener("afterprint", () => document.querySelectorAll("details[data-folded]").forEach((box) => {
    box.open = false;
    delete box.dataset.folded;
  }));
};

/* ---- theme --------------------------------------------------------------------------------- */
vp.theme = () => {
  const button = document.getElementById("theme");
  const order = ["auto", "light", "dark"];
  const show = (choice) => {
    document.documentElement.dataset.theme = choice;
    button.textContent = `Theme: ${choice}`;
  };
  let choice = vp.recall("theme");
  if (!order.includes(choice)) choice = "auto";
  show(choice);
  button.addEventListener("click", () => {
    choice = order[(order.indexOf(choice) + 1) % order.length];
    vp.remember("theme", choice);
    show(choice);
  });
};

/* Some browsers give pages from disk no storage: then the choice lasts until the page is closed. */
vp.recall = (key) => {
  try { return window.localStorage.getItem(`videoprefer.${key}`); } catch { return null; }
};
vp.remember = (key, value) => {
  try { window.localStorage.setItem(`videoprefer.${key}`, value); } catch { return; }
};
