// Forms and buttons that request and revoke tokens.
import { call, describe } from "./api.js";
import { ask, tell } from "./dialog.js";
import { showTimes } from "./times.js";
import { _ } from "./words.js";

const form = document.getElementById("request-token-form");
const status = form.querySelector(".report");
const find = (id) => document.getElementById(id);

function showChoices() {
  find("token-choices").hidden = !find("extent-some").checked;
}

// Restore the input from before a confirmation.
if (location.search) {
  const lifetimes = find("token-expiration-seconds");
  const chosen = find("token-scopes").value.split(/\s+/).filter(Boolean);
  for (const box of form.querySelectorAll("input[name=scope]")) box.checked = chosen.includes(box.value);
  const offered = [...form.querySelectorAll("input[name=scope]")].map((box) => box.value);
  find("token-scopes").value = chosen.filter((scope) => !offered.includes(scope)).join(" ");
  if ([...lifetimes.options].some((option) => option.value === form.dataset.expiresIn)) lifetimes.value = form.dataset.expiresIn;
  history.replaceState(null, "", location.pathname);
}
showChoices();
find("token-permissions").addEventListener("change", showChoices);

function chosenScopes() {
  if (find("extent-all").checked) return [];
  const boxes = [...form.querySelectorAll("input[name=scope]:checked")].map((box) => box.value);
  return [...boxes, ...find("token-scopes").value.split(/\s+/).filter(Boolean)];
}

/** Show the current tokens without a reload, which would lose the new token. */
async function updateTokens() {
  const answer = await fetch(location.pathname);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const section = page.getElementById("api-tokens-section");
  if (section) {
    find("api-tokens-section").replaceWith(section);
    showTimes(section);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = {};
  const note = find("token-note").value.trim();
  const seconds = find("token-expiration-seconds").value;
  const scopes = chosenScopes();
  if (find("extent-some").checked && !scopes.length) {
    status.textContent = _("Choose at least one permission.");
    return;
  }
  if (note) body.note = note;
  if (seconds) body.expires_in = Number(seconds);
  if (scopes.length) body.scopes = scopes;
  const input = new URLSearchParams({ note, expires_in: seconds, scopes: scopes.join(" ") });
  const answer = await call("POST", form.dataset.url, body, `${location.pathname}?${input}`);
  find("token-area").hidden = !answer.ok;
  find("token-result").textContent = answer.model.token ?? "";
  find("copy-token").textContent = _("Copy");
  status.textContent = answer.ok ? "" : describe(answer);
  if (answer.ok) {
    await updateTokens();
    find("copy-token").focus();
  }
});

async function copy() {
  const text = find("token-result").textContent;
  try {
    await navigator.clipboard.writeText(text);
    find("copy-token").textContent = _("Copied");
  } catch {
    getSelection().selectAllChildren(find("token-result"));
  }
}

async function revoke(button) {
  const { name, url } = button.dataset;
  const title = _("Revoke {name}?", { name });
  const text = _("Programs and servers that use it lose their access at once. This cannot be undone.");
  if (!await ask({ title, text, confirm: _("Revoke"), danger: true })) return;
  button.disabled = true;
  const answer = await call("DELETE", url);
  if (answer.status === 204 || answer.status === 404) {
    button.closest("tr").remove();
    find("api-tokens").focus();
  } else {
    button.disabled = false;
    await tell({ title: _("The token was not revoked"), text: describe(answer) });
  }
}

async function signOut(button) {
  const title = _("Sign out everywhere?");
  const text = _("You will have to log in again in this browser, too.");
  if (!await ask({ title, text, confirm: _("Sign out everywhere"), danger: true })) return;
  button.disabled = true;
  const answer = await call("DELETE", button.dataset.url);
  if (answer.ok) {
    location.reload();
  } else {
    button.disabled = false;
    await tell({ title: _("You are still logged in"), text: describe(answer) });
  }
}

const actions = { revoke, "sign-out": signOut };
document.addEventListener("click", (event) => {
  if (event.target.id === "copy-token") copy();
  const button = event.target.closest("button[data-action]");
  if (button) actions[button.dataset.action]?.(button);
});
