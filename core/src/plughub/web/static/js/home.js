// Buttons that stop and delete servers, and the form that adds one.
import { call, describe, settled } from "./api.js";
import { refresh } from "./live.js";

function statusOf(button) {
  return button.closest("td, section").querySelector(".report");
}

async function remove(button) {
  const { url, action, name } = button.dataset;
  if (action === "delete" && !confirm(`Delete server "${name}" permanently? Files stored outside the server are kept.`)) return;
  const status = statusOf(button);
  button.disabled = true;
  status.textContent = action === "delete" ? "Deleting …" : "Stopping …";
  let answer = await call("DELETE", url, action === "delete" ? { remove: true } : {});
  if (answer.status === 202) answer = await settled(url, 150);
  if (answer.ok || answer.status === 404) {
    status.textContent = "";
    await refresh();
    button.disabled = false;
  } else {
    status.textContent = describe(answer);
    button.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) remove(button);
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("#new-server");
  if (!form) return;
  event.preventDefault();
  const name = document.getElementById("new-server-name").value.trim();
  location.assign(form.dataset.spawn + encodeURIComponent(name));
});
