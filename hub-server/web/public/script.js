// The one script: the theme switch, menus that close, buttons that copy. Pages work without it.
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

  for (const code of document.querySelectorAll("[data-copy]")) addCopyButton(code);

  const menus = [...document.querySelectorAll("details.menu")];
  document.addEventListener("click", ({ target }) => {
    for (const menu of menus) if (!menu.contains(target)) menu.open = false;
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    for (const menu of menus.filter(({ open }) => open)) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // Ids of a card have a prefix, which addresses that people share do not.
  addEventListener("hashchange", goToHeading);
  goToHeading();
});

function goToHeading() {
  const id = new URLSearchParams(`id=${location.hash.slice(1).replaceAll("+", "%2B")}`).get("id");
  if (document.getElementById(id) === null) document.getElementById(`user-content-${id}`)?.scrollIntoView();
}

/** Browsers give the clipboard to pages that came by HTTPS or from this machine alone. */
function addCopyButton(code) {
  if (navigator.clipboard === undefined) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2000);
  });
  code.parentElement.append(button);
}
