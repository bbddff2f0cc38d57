// Light, dark or as the system says: the choice that the console keeps, read and written where it keeps it.
(() => {
  const KEPT = "adminTheme";
  const root = document.documentElement;

  const chosen = () => {
    try {
      return JSON.parse(localStorage.getItem(KEPT)) || "auto";
    } catch {
      return "auto";
    }
  };

  const show = (theme) => {
    const dark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.classList.toggle("dark", dark);
    root.classList.toggle("light", theme === "light");
    for (const button of document.querySelectorAll("[data-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.theme === theme));
    }
  };

  const choose = (theme) => {
    try {
      localStorage.setItem(KEPT, JSON.stringify(theme));
    } catch {
      // a browser that keeps nothing still shows it
    }
    show(theme);
  };

  show(chosen());
  document.addEventListener("DOMContentLoaded", () => show(chosen()));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme]");
    if (button) choose(button.dataset.theme);
  });
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key === "e") {
      event.preventDefault();
      choose(chosen() === "light" ? "dark" : "light");
    }
  });
})();
