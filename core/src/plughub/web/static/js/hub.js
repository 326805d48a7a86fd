// What every page does: theme, times in words, showing the password.

const root = document.documentElement;

function remembered() {
  return /(?:^|; )hub-theme=(dark|light)(?:;|$)/.exec(document.cookie)?.[1];
}

function useTheme(theme) {
  if (theme) root.dataset.theme = theme;
}

useTheme(remembered());

function switchTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = dark ? "light" : "dark";
  useTheme(theme);
  // Not in the storage: that is cleared with each login.
  document.cookie = `hub-theme=${theme}; path=${jhdata.base_url}; max-age=31536000; samesite=lax`;
}

/** Say a time relative to now, such as "5 minutes ago". */
export function ago(date) {
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const seconds = (date - Date.now()) / 1000;
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= length) return words.format(Math.round(seconds / length), unit);
  }
  return seconds > 0 ? "in a moment" : "just now";
}

for (const time of document.querySelectorAll("time[data-ago]")) {
  const date = new Date(time.dateTime);
  if (!Number.isNaN(date.valueOf())) {
    time.textContent = ago(date);
    time.title = date.toLocaleString();
  }
}

document.getElementById("dark-theme-toggle")?.addEventListener("click", switchTheme);

const eye = document.getElementById("toggle_password_visibility");
eye?.addEventListener("click", () => {
  const field = document.getElementById("password_input");
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  eye.textContent = shown ? "Show" : "Hide";
  eye.setAttribute("aria-pressed", String(!shown));
});

document.getElementById("login_form")?.addEventListener("submit", () => {
  const button = document.getElementById("login_submit");
  button.textContent = "Logging in …";
  // A disabled button would not be enabled again when the person comes back to this page.
  addEventListener("pageshow", () => { button.textContent = "Log in"; });
});

window._jupyterhub_page_loaded = true;
