// Scripts of every page: theme, relative times, live updates, and the password toggle.
import { showTimes } from "./times.js";
import { _ } from "./words.js";

const root = document.documentElement;

function switchTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = dark ? "light" : "dark";
  root.dataset.theme = theme;
  // A cookie, because each login clears the storage.
  document.cookie = `hub-theme=${theme}; path=${jhdata.base_url}; max-age=31536000; samesite=lax`;
}

showTimes();
setInterval(() => showTimes(), 30_000);
if (document.querySelector("main[data-live]")) import("./live.js");

document.getElementById("dark-theme-toggle")?.addEventListener("click", switchTheme);

const toggle = document.getElementById("toggle_password_visibility");
toggle?.addEventListener("click", () => {
  const field = document.getElementById("password_input");
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  toggle.textContent = shown ? _("Show") : _("Hide");
  toggle.setAttribute("aria-pressed", String(!shown));
});

document.getElementById("login_form")?.addEventListener("submit", () => {
  const button = document.getElementById("login_submit");
  button.textContent = _("Logging in …");
  // Change the label only: a disabled button would stay disabled when the user comes back to this page.
  addEventListener("pageshow", () => { button.textContent = _("Log in"); });
});

window._jupyterhub_page_loaded = true;
