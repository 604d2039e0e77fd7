"use strict";
/* The report: draws every section from the data scripts, then follows the reader in the navigation. */
(() => {
  vp.start();
  for (const [id, draw] of Object.entries(vp.sections)) draw(document.getElementById(id), vp.data);

  const links = [...document.querySelectorAll("#nav a")];
  const current = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => {
        if (link.getAttribute("href") === `#${entry.target.id}`) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  document.querySelectorAll("main section").forEach((section) => current.observe(section));
})();
