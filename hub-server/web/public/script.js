// The one script: the theme switch, and selects that go where they point. Pages work without it.
const root = document.documentElement;
const stored = localStorage.getItem("theme");
if (stored === "light" || stored === "dark") root.dataset.theme = stored;

document.addEventListener("DOMContentLoaded", () => {
  const toggle = document.querySelector("[data-toggle-theme]");
  toggle?.removeAttribute("hidden");
  toggle?.addEventListener("click", () => {
    const dark =
      root.dataset.theme === "dark" ||
      (root.dataset.theme === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  });
  for (const select of document.querySelectorAll("select[data-go]")) {
    select.addEventListener("change", () => location.assign(select.value));
  }
});
