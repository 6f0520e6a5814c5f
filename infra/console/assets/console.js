// What the pages can't do without a script: live numbers that pause, copying, a key for the search box.
"use strict";

(() => {
  const EVERY_MS = 5000;
  const KEY = "sluice.paused";
  const pauses = () => document.querySelectorAll("[data-pause]");
  const isPaused = () => sessionStorage.getItem(KEY) === "yes";

  const show = () => {
    for (const button of pauses()) {
      button.setAttribute("aria-pressed", String(isPaused()));
      button.textContent = isPaused() ? "Resume" : "Pause";
    }
  };

  // Parts of a page with hx-trigger="tick from:body" are asked for again.
  const tick = () => {
    if (!document.hidden && !isPaused() && window.htmx) {
      window.htmx.trigger(document.body, "tick");
    }
  };

  document.addEventListener("click", async (click) => {
    const button = click.target.closest("button");
    if (!button) {
      return;
    }
    if (button.dataset.pause !== undefined) {
      sessionStorage.setItem(KEY, isPaused() ? "no" : "yes");
      show();
      tick();
    } else if (button.dataset.copy !== undefined) {
      const name = button.textContent;
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it by hand";
      }
      setTimeout(() => (button.textContent = name), 1500);
    }
  });

  document.addEventListener("keydown", (key) => {
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
    if (key.key === "/" && !isTyping && !key.ctrlKey && !key.metaKey && !key.altKey) {
      key.preventDefault();
      document.getElementById("find")?.focus();
    }
  });

  document.addEventListener("visibilitychange", tick);
  setInterval(tick, EVERY_MS);
  show();
})();
