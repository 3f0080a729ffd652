// Live refresh manners: say how old the page is, never pull it from under a reader, `/` searches.
"use strict";
(() => {
  let updated = Date.now();

  const tick = () => {
    const shown = document.querySelector("[data-updated]");
    const seconds = Math.round((Date.now() - updated) / 1000);
    if (shown) shown.textContent = `updated ${seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} ago`;
  };

  // A selection, an open table or a focused field means somebody is reading or typing.
  const busy = () => {
    const selection = window.getSelection();
    const main = document.getElementById("main");
    return document.hidden || (selection && !selection.isCollapsed) ||
      main.querySelector("details[open]:not([data-open])") ||
      main.querySelector("input:focus, select:focus, textarea:focus");
  };

  const focused = () => document.activeElement && document.activeElement.closest("#main a[href]");
  let href = null;

  document.addEventListener("htmx:beforeRequest", (event) => { if (busy()) event.preventDefault(); });
  document.addEventListener("htmx:beforeSwap", () => { const at = focused(); href = at && at.getAttribute("href"); });
  document.addEventListener("htmx:afterSwap", () => {
    updated = Date.now();
    tick();
    const again = href && [...document.querySelectorAll("#main a[href]")].find((a) => a.getAttribute("href") === href);
    if (again) again.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    const field = document.getElementById("q");
    if (event.key === "/" && field && !event.target.closest("input, select, textarea")) {
      event.preventDefault();
      field.focus();
    }
  });
  tick();
  setInterval(tick, 1000);
})();
