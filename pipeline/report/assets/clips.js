"use strict";
/* One prompt: its clips side by side, what each annotator and the raters said, and its pairs. */

/** Play and pause several clips as one; the longest leads and the others follow its clock. */
vp.inStep = (videos) => {
  const leader = () => videos.reduce((a, b) => ((b.duration || 0) > (a.duration || 0) ? b : a));
  const follow = () => {
    const lead = leader();
    for (const video of videos) {
      if (video === lead || video.readyState < 2 || !video.duration) continue;
      const target = lead.currentTime % video.duration;
      if (Math.abs(video.currentTime - target) > 0.12) video.currentTime = target;
    }
  };
  videos.forEach((video) => video.addEventListener("timeupdate", () => video === leader() && follow()));
  return {
    play: () => {
      follow();
      return Promise.allSettled(videos.map((video) => video.play()));
    },
    pause: () => videos.forEach((video) => video.pause()),
    seek: (time) => videos.forEach((video) => { video.currentTime = time % (video.duration || Infinity); }),
    paused: () => videos.every((video) => video.paused),
  };
};

const stillMotion = window.matchMedia("(prefers-reduced-motion: reduce)");

/* Clips get their source, and play, only while their prompt is in view. */
const inView = new IntersectionObserver((entries) => entries.forEach((entry) => {
  const prompt = entry.target.vpPrompt;
  if (entry.isIntersecting) prompt.enter();
  else prompt.leave();
}), { rootMargin: "300px 0px" });

const viewFrame = (clip, item) => {
  const viewer = document.getElementById("viewer");
  const time = vp.isNumber(item.time_s) ? `, ${vp.fixed(item.time_s)} s` : "";
  const close = vp.el("button", { type: "button", class: "quiet", onclick: () => viewer.close() }, "Close");
  viewer.replaceChildren(
    vp.el("img", { src: item.src, alt: `Frame ${item.index}`, width: clip.frames.size[0], height: clip.frames.size[1] }),
    vp.el("p", { class: "bar" }, vp.el("span", null, clip.generator, " ", vp.simulated(clip.simulated),
      ` frame ${item.index} of ${clip.frames.n_in_clip}${time}; ${clip.frames.size.join(" × ")} px as the judge saw it`), close));
  viewer.showModal();
};

const frameStrip = (clip) => {
  if (!clip.frames) return vp.el("p", { class: "muted" }, "No frames were taken.");
  const { frames } = clip;
  return vp.el("div", { class: "strip" }, frames.items.map((item, n) => (item.src
    ? vp.el("button", { type: "button", onclick: () => viewFrame(clip, item),
      "aria-label": `Frame ${n + 1} of ${frames.items.length}` },
    vp.el("img", { src: item.src, alt: "", loading: "lazy", width: frames.size[0], height: frames.size[1] }))
    : vp.el("span", { class: "gone" }, "no file"))));
};

const player = (clip, videos) => {
  const poster = clip.frames && clip.frames.items[0].src;
  const shape = clip.frames ? clip.frames.size : [16, 9];
  const box = vp.el("div", { class: "player" });
  box.style.aspectRatio = shape.join(" / ");
  const still = (why) => box.replaceChildren(
    poster ? vp.el("img", { src: poster, alt: "First frame", loading: "lazy" }) : "",
    vp.el("p", { class: "overlay" }, `Frames only: ${why}`));
  if (!clip.media) {
    still(clip.why_no_media);
    return box;
  }
  const video = vp.el("video", { muted: true, loop: true, playsinline: true, preload: "none", poster,
    "data-src": clip.media, "aria-label": `Clip of ${clip.generator}` });
  video.muted = true;
  video.addEventListener("error", () => {
    if (video.getAttribute("src")) {
      videos.splice(videos.indexOf(video), 1);
      still("this browser does not play the clip");
    }
  });
  videos.push(video);
  vp.add(box, [video]);
  return box;
};

/** A small gauge of a score on its scale, in steps where the scale has few; none without bounds. */
const gauge = (value, low, high) => {
  if (![value, low, high].every(vp.isNumber) || high <= low) return null;
  const stepped = Number.isInteger(low) && Number.isInteger(high) && high - low < 10;
  const bar = vp.el("span", { class: stepped ? "gauge stepped" : "gauge", "aria-hidden": "true" }, vp.el("span"));
  const share = stepped ? (value - low + 1) / (high - low + 1) : (value - low) / (high - low);
  if (stepped) bar.style.setProperty("--steps", high - low + 1);
  bar.firstChild.style.width = `${100 * share}%`;
  return bar;
};

const scoreRow = (name, kind, value, more, low, high) => {
  const bar = gauge(value, low, high);
  return vp.el("tr", { class: kind },
    vp.el("th", { scope: "row", colspan: bar ? null : 2 }, name),
    bar && vp.el("td", { class: "on-scale" }, bar),
    vp.el("td", { class: "number" }, vp.el("span", { class: "figure" }, vp.score(value)),
      more && vp.el("span", { class: "interval" }, ` ${more}`)));
};

const ratingsFor = (clip, dimension, answers) => {
  const theirs = answers[dimension] || [dimension];
  return clip.ratings.filter((rating) => theirs.includes(rating.dimension));
};

/** Scores by dimension: every annotator, the consensus where it says more, then the raters. */
const scoreTable = (clip, answers) => {
  const claimed = Object.values(answers).flat();
  const own = vp.unique(clip.scores.map((s) => s.dimension));
  const rest = vp.unique(clip.ratings.map((r) => r.dimension)).filter((d) => !claimed.includes(d) && !own.includes(d));
  const bodies = [...own, ...rest].map((dimension) => {
    const scores = clip.scores.filter((s) => s.dimension === dimension);
    const judges = scores.filter((s) => s.annotator !== "consensus");
    const shown = judges.length === 1 ? judges : scores;
    const scale = judges.find((s) => vp.isNumber(s.low)) || {};
    return vp.el("tbody", null,
      vp.el("tr", { class: "group" }, vp.el("th", { colspan: "3", scope: "colgroup" }, vp.words(dimension))),
      shown.map((s) => scoreRow([s.annotator], s.annotator === "consensus" ? "consensus" : "", s.mean,
        s.n > 1 && vp.isNumber(s.spread) ? `± ${vp.fixed(s.spread)}, n ${s.n}` : "", s.low ?? scale.low, s.high ?? scale.high)),
      ratingsFor(clip, dimension, answers).map((r) => scoreRow(
        [r.dimension === dimension ? "raters" : `raters, ${vp.words(r.dimension)}`, r.simulated ? vp.el("span", { class: "sim-text" }, " simulated") : null], "raters",
        r.mean, `n ${r.n}`, null, null)));
  });
  return bodies.length ? vp.el("table", { class: "scores" },
    vp.el("caption", { class: "hidden" }, `Scores of ${clip.generator}`),
    vp.el("thead", { class: "hidden" }, vp.el("tr", null, ["Annotator", "On its scale", "Score"].map((t) => vp.el("th", { scope: "col" }, t)))),
    bodies) : vp.el("p", { class: "muted" }, "No scores.");
};

const rationales = (clip) => {
  const said = clip.scores.flatMap((s) => s.draws.filter((d) => d.rationale).map((d) => ({ ...d, s })));
  if (!said.length) return null;
  return vp.el("details", { class: "rationales" }, vp.el("summary", null, said.length === 1 ? "Rationale" : `Rationales (${said.length})`),
    said.map(({ s, ...draw }) => vp.el("div", { class: "rationale" },
      vp.el("p", { class: "by" }, `${s.annotator} · ${vp.words(s.dimension)} · ${vp.score(draw.score)}`, s.draws.length > 1 ? ` · draw ${draw.draw}` : ""),
      vp.el("p", { class: "said" }, draw.rationale))));
};

const settings = (clip) => (clip.settings || vp.isNumber(clip.seed) ? vp.el("details", null, vp.el("summary", null, "Settings"),
  vp.el("p", { class: "settings" }, clip.settings || "", vp.isNumber(clip.seed) ? ` seed ${clip.seed}` : "")) : null);

const facts = (clip) => {
  const f = clip.frames;
  const list = f ? [f.clip.join(" × "), vp.isNumber(f.duration_s) && `${vp.fixed(f.duration_s, 1)} s`,
    vp.isNumber(f.fps) && `${vp.fixed(f.fps, 0)} fps`, ...(f.flags || []).map(vp.words)] : [];
  return vp.el("p", { class: "muted small-facts" }, [...list, clip.licence].filter(Boolean).join(" · "));
};

const clipCard = (clip, number, videos, answers) => vp.el("article", { class: "clip" },
  vp.el("h4", null, vp.el("span", { class: "ordinal" }, number + 1), " ", clip.generator, " ", vp.simulated(clip.simulated)),
  player(clip, videos), frameStrip(clip), facts(clip), scoreTable(clip, answers), vp.failureList(clip.failures), rationales(clip), settings(clip));

const pairCell = (pair) => {
  if (!pair) return "–";
  const [a, b] = [pair.a + 1, pair.b + 1];
  if (pair.label === "tie") return vp.el("span", { class: "tie" }, `${a} = ${b} tie`);
  const winner = pair.label === "a" ? a : b, loser = pair.label === "a" ? b : a;
  return [vp.el("span", { class: "figure" }, `${winner} > ${loser}`),
    vp.el("span", { class: "interval" }, pair.basis === "comparisons"
      ? ` by ${vp.percent(Math.abs(pair.margin), 0)} of the votes` : ` by ${vp.fixed(Math.abs(pair.margin))}`)];
};

const pairTable = (prompt) => {
  if (!prompt.pairs.length) return null;
  const columns = vp.unique(prompt.pairs.map((p) => JSON.stringify([p.dimension, p.annotator])));
  const rows = vp.unique(prompt.pairs.map((p) => JSON.stringify([p.a, p.b]))).map(JSON.parse);
  const find = (row, column) => prompt.pairs.find((p) => p.a === row[0] && p.b === row[1] && JSON.stringify([p.dimension, p.annotator]) === column);
  const name = (column) => {
    const [dimension, annotator] = JSON.parse(column);
    return annotator === "consensus" ? vp.words(dimension) : `${vp.words(dimension)} (${annotator})`;
  };
  const sim = prompt.clips.some((clip) => clip.simulated) ? " (simulated clips)" : "";
  return vp.el("details", { class: "pairs" }, vp.el("summary", null, vp.plural(prompt.pairs.length, "preference label")),
    vp.table(`Which clip is preferred, by how much: clips by number${sim}`, [
      { name: "Pair", head: true, get: (r) => `${r[0] + 1}, ${r[1] + 1}` },
      ...columns.map((column) => ({ name: name(column), get: (r) => pairCell(find(r, column)) }))], rows));
};

/** A button that plays and pauses the clips of a card as one; they play while the card is in view. */
vp.playButton = (videos) => {
  const steps = vp.inStep(videos);
  const button = vp.el("button", { type: "button", class: "quiet play" });
  const show = () => { button.textContent = steps.paused() ? "▶ Play" : "❚❚ Pause"; };
  let wanted = !stillMotion.matches;
  button.addEventListener("click", () => {
    wanted = steps.paused();
    if (wanted) steps.play().then(show);
    else steps.pause();
    show();
  });
  const enter = () => {
    for (const video of videos) {
      if (!video.getAttribute("src")) {
        video.preload = "auto";
        video.src = video.dataset.src;
      }
    }
    if (wanted && videos.length) steps.play().then(show);
  };
  const leave = () => {
    steps.pause();
    show();
  };
  const watch = (card) => {
    card.vpPrompt = { enter, leave };
    show();
    inView.observe(card);
    return card;
  };
  return { button, watch };
};

vp.player = player;
vp.frameStrip = frameStrip;

/** The card of one prompt. */
vp.promptCard = (prompt, answers) => {
  const videos = [];
  const clips = prompt.clips.map((clip, n) => clipCard(clip, n, videos, answers));
  const splits = vp.unique(prompt.pairs.map((p) => p.split));
  const { button, watch } = vp.playButton(videos);
  const row = vp.el("div", { class: "clips" }, clips.length ? clips : vp.note("None of its clips exists."));
  row.style.setProperty("--clips", Math.max(clips.length, 1));
  return watch(vp.el("article", { class: "prompt", id: `prompt-${prompt.id}` },
    vp.el("header", null,
      vp.el("h3", null, prompt.text),
      vp.el("p", { class: "meta" }, vp.simulated(prompt.simulated), splits.map((s) => vp.badge(s)),
        vp.el("span", null, prompt.source), prompt.licence ? vp.el("span", null, prompt.licence) : null,
        vp.el("a", { href: `#prompt=${encodeURIComponent(prompt.id)}`, title: "Link to this prompt" }, prompt.id),
        videos.length ? button : null)),
    row, pairTable(prompt), vp.comparisonTable(prompt)));
};
