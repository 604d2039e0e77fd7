"use strict";
/* Clips that play side by side in step, and the frames a judge saw. */

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
