// Forms and buttons that request and revoke tokens.
import { call, describe } from "./api.js";

const form = document.getElementById("request-token-form");
const status = form.querySelector(".report");
const find = (id) => document.getElementById(id);

// Restore the input from before a confirmation.
if (location.search) {
  const lifetimes = find("token-expiration-seconds");
  if ([...lifetimes.options].some((option) => option.value === form.dataset.expiresIn)) lifetimes.value = form.dataset.expiresIn;
  history.replaceState(null, "", location.pathname);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = {};
  const note = find("token-note").value.trim();
  const seconds = find("token-expiration-seconds").value;
  const scopes = find("token-scopes").value.split(/\s+/).filter(Boolean);
  if (note) body.note = note;
  if (seconds) body.expires_in = Number(seconds);
  if (scopes.length) body.scopes = scopes;
  const input = new URLSearchParams({ note, expires_in: seconds, scopes: scopes.join(" ") });
  const answer = await call("POST", form.dataset.url, body, `${location.pathname}?${input}`);
  find("token-area").hidden = !answer.ok;
  find("token-result").textContent = answer.model.token ?? "";
  status.textContent = answer.ok ? "" : describe(answer);
});

find("copy-token").addEventListener("click", async () => {
  const text = find("token-result").textContent;
  try {
    await navigator.clipboard.writeText(text);
    find("copy-token").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(find("token-result"));
  }
});

for (const button of document.querySelectorAll(".revoke-token-btn")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    const answer = await call("DELETE", button.dataset.url);
    if (answer.status === 204 || answer.status === 404) {
      button.closest("tr").remove();
    } else {
      button.disabled = false;
      alert(describe(answer));
    }
  });
}

find("sign-out-everywhere").addEventListener("click", async (event) => {
  event.target.disabled = true;
  const answer = await call("DELETE", event.target.dataset.url);
  if (answer.ok) {
    location.reload();
  } else {
    event.target.disabled = false;
    alert(describe(answer));
  }
});
