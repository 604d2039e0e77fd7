"use strict";
/* Clips that play side by side in step, and the frames a judge saw. */

const DRIFT_S = 0.12; // that is put right: less is not seen, and every correction is

/** Several clips as one: the longest leads, shorter ones wait at their end for it, then all start again. */
vp.inStep = (videos) => {
  let playing = false, rate = 1;
  const told = [];
  const tell = () => told.forEach((hear) => hear());
  const length = (video) => (Number.isFinite(video.duration) ? video.duration : 0);
  const leader = () => videos.reduce((a, b) => (length(b) > length(a) ? b : a), videos[0]);
  const time = () => (videos.length ? leader().currentTime : 0);
  const duration = () => (videos.length ? length(leader()) : 0);
  const start = (video) => video.play().catch(() => null);

  /* Whether a clip is at its end and the others have more. A clip that ended a moment before the leader came there waits,
     too: told to play it would begin again. */
  const waits = (video, now) => now >= length(video) - (video.ended ? 2 * DRIFT_S : 0);

  const follow = () => {
    const lead = leader(), now = time();
    for (const video of videos) {
      if (video === lead || video.readyState < 2) continue;
      const target = Math.min(now, length(video)), done = waits(video, now);
      if (Math.abs(video.currentTime - target) > DRIFT_S) video.currentTime = target;
      if (done && !video.paused) video.pause();
      if (playing && !done && video.paused && !lead.paused) start(video);
    }
  };
  const seek = (wanted) => {
    const to = Math.max(0, Math.min(wanted, duration()));
    videos.forEach((video) => { video.currentTime = Math.min(to, length(video) || to); });
    tell();
  };
  const play = async () => {
    playing = videos.length > 0;
    if (playing && duration() && time() >= duration() - 0.01) seek(0);
    follow();
    const begun = await Promise.allSettled(videos.filter((v) => !length(v) || !waits(v, time())).map((v) => v.play()));
    if (begun.length && begun.every(({ status }) => status === "rejected")) playing = false; // the browser does not allow it
    tell();
  };
  const pause = () => {
    playing = false;
    videos.forEach((video) => video.pause());
    tell();
  };
  const again = () => {
    seek(0);
    videos.forEach(start);
  };
  videos.forEach((video) => {
    video.loop = false; // the longest decides when all begin again
    video.addEventListener("timeupdate", () => { if (video === leader()) { follow(); tell(); } });
    // the leader's next pictures are still to come: the others wait for it, and go on when its time does
    video.addEventListener("waiting", () => { if (playing && video === leader()) videos.forEach((one) => one !== video && one.pause()); });
    video.addEventListener("ended", () => { if (playing && video === leader()) again(); });
    video.addEventListener("loadedmetadata", () => { video.playbackRate = rate; tell(); });
  });
  return {
    play, pause, seek, time, duration,
    paused: () => !playing || !videos.length,
    /** Calls ``hear`` whenever the time may be another, or whether it plays. */
    listen: (hear) => told.push(hear),
    speed: (wanted) => { rate = wanted; videos.forEach((video) => { video.playbackRate = rate; }); },
    /** One frame on (1) or back (-1), of the clip with the most frames a second; playing stops. */
    step: (direction) => {
      const fps = Math.max(1, ...videos.map((video) => Number(video.dataset.fps) || 0));
      pause();
      seek((Math.round(time() * fps) + direction + 0.01) / fps);
    },
  };
};

vp.stillMotion = window.matchMedia("(prefers-reduced-motion: reduce)");

/* Clips get their source, and play, only while their prompt is in view. */
const inView = new IntersectionObserver((entries) => entries.forEach((entry) => {
  const prompt = entry.target.vpPrompt;
  if (entry.isIntersecting) prompt.enter();
  else prompt.leave();
}), { rootMargin: "300px 0px" });

/** Calls ``enter`` when the card comes into view and ``leave`` when it goes; the card. */
vp.whileInView = (card, enter, leave) => {
  card.vpPrompt = { enter, leave };
  inView.observe(card);
  return card;
};

/** Give clips their source: nothing of them is read before. */
vp.openClips = (videos) => videos.filter((video) => !video.getAttribute("src")).forEach((video) => {
  video.preload = "auto";
  video.src = video.dataset.src;
});

/* ---- frames -------------------------------------------------------------------------------- */
/** Frames in the dialog, one at a time: left and right go through a clip, up and down to the other ``clips``. */
vp.viewFrames = (clip, n, clips = [clip]) => {
  const viewer = document.getElementById("viewer");
  const some = clips.filter((one) => one.frames && one.frames.items.some((item) => item.src));
  let at = some.indexOf(clip), frame = n;
  const image = vp.el("img"), words = vp.el("span", { "aria-live": "polite" });
  const show = () => {
    const { frames, generator, simulated } = some[at], item = frames.items[frame];
    const time = vp.isNumber(item.time_s) ? `, ${vp.fixed(item.time_s)} s` : "";
    image.setAttribute("alt", `Frame ${item.index} of the clip of ${generator}`);
    [image.width, image.height] = frames.size;
    image.src = item.src || "";
    words.replaceChildren(`${clips.length > 1 ? `${clips.indexOf(some[at]) + 1} · ` : ""}${generator} `, vp.simulated(simulated) || "",
      ` frame ${item.index} of ${frames.n_in_clip}${time}; ${frames.size.join(" × ")} px as the judge saw it`);
  };
  const go = (by) => { frame = (frame + by + some[at].frames.items.length) % some[at].frames.items.length; show(); };
  const other = (by) => {
    at = (at + by + some.length) % some.length;
    frame = Math.min(frame, some[at].frames.items.length - 1);
    show();
  };
  const moves = { ArrowLeft: () => go(-1), ArrowRight: () => go(1), ArrowUp: () => other(-1), ArrowDown: () => other(1) };
  const button = (text, name, onclick) => vp.el("button", { type: "button", class: "quiet", "aria-label": name, onclick }, text);
  viewer.onkeydown = (event) => {
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  };
  const close = button("Close", "Close", () => viewer.close());
  viewer.replaceChildren(image, vp.el("div", { class: "bar" }, words, vp.el("span", { class: "buttons" },
    button("←", "Previous frame", () => go(-1)), button("→", "Next frame", () => go(1)),
    some.length > 1 ? [button("↑", "Clip before", () => other(-1)), button("↓", "Next clip", () => other(1))] : null, close)));
  show();
  if (!viewer.open) viewer.showModal();
  close.focus();
};

const noFile = () => vp.el("span", { class: "gone" }, "no file");

/** The frames that a judge saw of a clip; in the dialog one may go on to those of ``clips``. */
vp.frameStrip = (clip, clips) => {
  if (!clip.frames) return vp.el("p", { class: "muted" }, "No frames were taken.");
  const { frames } = clip;
  return vp.el("div", { class: "strip" }, frames.items.map((item, n) => (item.src
    ? vp.el("button", { type: "button", onclick: () => vp.viewFrames(clip, n, clips),
      "aria-label": `Frame ${n + 1} of ${frames.items.length}, ${clip.generator}` },
    vp.el("img", { src: item.src, alt: "", loading: "lazy", width: frames.size[0], height: frames.size[1],
      onerror: (event) => event.target.parentNode.replaceWith(noFile()) }))
    : noFile())));
};

/* ---- clips --------------------------------------------------------------------------------- */
/** The clip, or its first frame and why there is no clip; a video joins ``videos`` and reads nothing before it is opened. */
vp.player = (clip, videos) => {
  const poster = clip.frames && clip.frames.items.length ? clip.frames.items[0].src : null;
  const box = vp.el("div", { class: "player" });
  box.style.aspectRatio = (clip.frames ? clip.frames.size : [16, 9]).join(" / ");
  const still = (why) => {
    const words = vp.el("p", { class: "overlay" }, `${poster ? "Frames only" : "Neither clip nor frames"}: ${why}`);
    const gone = (event) => { event.target.remove(); words.textContent = `Neither clip nor frames: ${why}`; };
    box.replaceChildren(poster ? vp.el("img", { src: poster, alt: "First frame", loading: "lazy", onerror: gone }) : "", words);
  };
  if (!clip.media) {
    still(clip.why_no_media);
    return box;
  }
  const video = vp.el("video", { muted: true, playsinline: true, preload: "none", poster,
    "data-src": clip.media, "data-fps": clip.frames ? clip.frames.fps : null, "aria-label": `Clip of ${clip.generator}` });
  video.muted = true;
  video.addEventListener("error", () => {
    if (video.getAttribute("src")) {
      videos.splice(videos.indexOf(video), 1);
      still("the clip is not beside this page, or this browser does not play it"); // browsers do not tell which
    }
  });
  videos.push(video);
  vp.add(box, [video]);
  return clip.preview ? vp.el("div", null, box, vp.el("p", { class: "muted small-facts" },
    clip.preview_note)) : box;
};

/** A button that plays and pauses the clips of a card as one; they play while the card is in view. */
vp.playButton = (videos) => {
  const steps = vp.inStep(videos);
  const button = vp.el("button", { type: "button", class: "quiet play" });
  const show = () => { button.textContent = steps.paused() ? "▶ Play" : "❚❚ Pause"; };
  let wanted = !vp.stillMotion.matches;
  steps.listen(show);
  button.addEventListener("click", () => {
    wanted = steps.paused();
    if (wanted) steps.play();
    else steps.pause();
  });
  const enter = () => {
    vp.openClips(videos);
    if (wanted && videos.length) steps.play();
  };
  const watch = (card) => {
    show();
    return vp.whileInView(card, enter, steps.pause);
  };
  return { button, watch };
};
