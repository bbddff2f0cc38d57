// A page that reads itself anew: [data-refresh] says after how many seconds, [data-fresh] what is exchanged.
// It waits while the page is hidden or held, and says when what it shows is old. And: buttons that copy.
"use strict";
(() => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.copied;
      button.focus();
    });
    button.addEventListener("blur", () => (button.textContent = label));
  }

  const SECOND_MS = 1000; // not tunable: a unit
  const page = document.querySelector("[data-refresh]");
  const seconds = Number(page.dataset.refresh);
  const pause = page.querySelector("[data-pause]");
  const refreshing = page.querySelector("[data-refreshing]");
  const stale = page.querySelector("[data-stale]");
  const held = () => pause.getAttribute("aria-pressed") === "true";
  pause.hidden = refreshing.hidden = false;
  pause.addEventListener("click", () => {
    pause.setAttribute("aria-pressed", String(!held()));
    refreshing.hidden = held();
  });

  const exchange = (text) => {
    const read = new DOMParser().parseFromString(text, "text/html");
    const fresh = [...read.querySelectorAll("[data-fresh]")];
    const shown = [...page.querySelectorAll("[data-fresh]")];
    if (!fresh.length || fresh.length !== shown.length) throw new Error("another page came back");
    shown.forEach((old, at) => {
      if (!old.contains(document.activeElement)) old.replaceWith(document.adoptNode(fresh[at]));
    });
    page.querySelector(".hc-as-of time").replaceWith(document.adoptNode(read.querySelector(".hc-as-of time")));
  };
  setInterval(async () => {
    if (document.hidden || held()) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      exchange(await answer.text());
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
  }, seconds * SECOND_MS);
})();
