// The switches in the header: language and light or dark, each remembered in a cookie that the server reads.

const A_YEAR_S = 365 * 24 * 3600;

function remember(name, value) {
  document.cookie = `${name}=${value}; Path=/; Max-Age=${A_YEAR_S}; SameSite=Lax`;
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    remember("spksearch_language", button.dataset.language);
    location.reload();
  });
}

document.querySelector("[data-switch-theme]").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("spksearch_theme", root.dataset.theme);
  dispatchEvent(new Event("themechange"));
});
