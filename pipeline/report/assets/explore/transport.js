"use strict";
/* The clips of one prompt as one: play and pause, a scrubber, single frames, slower. */
(() => {
  const x = vp.explore;
  const SPEEDS = [0.25, 0.5, 1];
  let speed = 1; // lasts from prompt to prompt

  /** {bar, watch, toggle, step}: ``bar`` holds the controls, ``watch(card)`` plays while the card is in view. */
  x.transport = (videos) => {
    const steps = vp.inStep(videos);
    let wanted = !vp.stillMotion.matches, ticking = 0;
    const play = vp.el("button", { type: "button", class: "quiet play" });
    const scrub = vp.el("input", { type: "range", min: 0, max: 0, step: "any", value: 0, "aria-label": "Time in the clips" });
    const clock = vp.el("span", { class: "clock" });
    const show = () => {
      const now = steps.time(), all = steps.duration();
      play.textContent = steps.paused() ? "▶ Play" : "❚❚ Pause";
      scrub.max = all || 1;
      scrub.value = now;
      const words = `${vp.fixed(now)} / ${all ? vp.fixed(all) : "–"} s`;
      clock.textContent = words;
      scrub.setAttribute("aria-valuetext", words);
    };
    const tick = () => { // while it plays the scrubber moves with every picture
      show();
      ticking = steps.paused() ? 0 : requestAnimationFrame(tick);
    };
    steps.listen(() => { show(); if (!ticking && !steps.paused()) ticking = requestAnimationFrame(tick); });
    const toggle = () => {
      wanted = steps.paused();
      if (wanted) steps.play();
      else steps.pause();
    };
    const step = (direction) => { wanted = false; steps.step(direction); };
    play.addEventListener("click", toggle);
    scrub.addEventListener("input", () => {
      const to = Number(scrub.value); // read first: pausing shows the time there is
      wanted = false;
      steps.pause();
      steps.seek(to);
    });
    const still = (name, text, direction) => vp.el("button", { type: "button", class: "quiet", "aria-label": name, title: name, onclick: () => step(direction) }, text);
    const pace = SPEEDS.map((value) => vp.el("button", { type: "button", class: "quiet", "aria-pressed": String(value === speed), onclick: () => {
      speed = value;
      steps.speed(value);
      pace.forEach((one, n) => one.setAttribute("aria-pressed", String(SPEEDS[n] === value)));
    } }, `${value}×`));
    const bar = vp.el("div", { class: "transport", role: "group", "aria-label": "Play the clips in step" }, play,
      still("One frame back", "−1", -1), still("One frame on", "+1", 1), scrub, clock,
      vp.el("span", { class: "speeds", role: "group", "aria-label": "Speed" }, pace));
    const enter = () => {
      vp.openClips(videos);
      steps.speed(speed);
      if (wanted) steps.play();
    };
    show();
    return { bar, toggle, step, watch: (card) => vp.whileInView(card, enter, steps.pause) };
  };

  /** Stop clips that are taken off the page, so that no more of them is read. */
  x.closeClips = (card) => card.querySelectorAll("video").forEach((video) => {
    video.pause();
    video.removeAttribute("src");
    video.load();
  });
})();
