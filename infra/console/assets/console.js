// What the pages can't do without a script: live numbers that pause, copying, a key for the search box.
"use strict";

(() => {
  // How long to wait before a stream that was refused is asked for again.
  const AGAIN_MS = 30000;
  const KEY = "sluice.paused";
  const pauses = () => document.querySelectorAll("[data-pause]");
  const isPaused = () => sessionStorage.getItem(KEY) === "yes";

  const show = () => {
    for (const button of pauses()) {
      button.setAttribute("aria-pressed", String(isPaused()));
      button.textContent = isPaused() ? "Resume" : "Pause";
    }
  };

  let stream = null;
  let seen = null;
  let again = 0;

  const close = () => {
    clearTimeout(again);
    stream?.close();
    stream = null;
  };

  // A page that is live has one stream of its parts, while its tab is visible and isn't paused.
  const live = () => {
    const bar = document.querySelector("[data-live]");
    if (!bar || document.hidden || isPaused()) {
      close();
      return;
    }
    if (stream) {
      return;
    }
    clearTimeout(again);
    const from = new URL(bar.dataset.live, document.baseURI);
    from.searchParams.set("seen", seen ?? bar.dataset.seen);
    const opened = new EventSource(from);
    stream = opened;
    opened.addEventListener("part", (message) => {
      seen = message.lastEventId;
      const { part, html } = JSON.parse(message.data);
      const target = document.querySelector(`[data-part="${part}"]`);
      if (target) {
        window.htmx.swap(target, html, { swapStyle: "innerHTML" });
        document.body.dispatchEvent(new Event(`live-${part}`));
      }
    });
    opened.addEventListener("end", () => location.reload());
    opened.addEventListener("error", () => {
      // A stream that has ended comes again by itself, and one that was refused doesn't.
      if (opened === stream && opened.readyState === EventSource.CLOSED) {
        close();
        again = setTimeout(live, AGAIN_MS);
      }
    });
  };

  document.addEventListener("click", async (click) => {
    const button = click.target.closest("button");
    if (!button) {
      return;
    }
    if (button.dataset.pause !== undefined) {
      sessionStorage.setItem(KEY, isPaused() ? "no" : "yes");
      show();
      live();
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

  document.addEventListener("visibilitychange", live);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", live);
  show();
})();
