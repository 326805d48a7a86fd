// Shares of servers: grants, links, and what others share.
import { call, describe } from "./api.js";
import { ask, tell } from "./dialog.js";
import { showTimes } from "./times.js";
import { _ } from "./words.js";

const find = (id) => document.getElementById(id);
const form = find("share-form");
const chosen = () => form.querySelector("input[name=with]:checked").value;

function showFields() {
  const byLink = chosen() === "link";
  find("share-name-row").hidden = byLink;
  find("share-life-row").hidden = !byLink;
  find("share-name").required = !byLink;
}

/** Show the current lists; a reload would lose the new link. */
async function updateLists() {
  const answer = await fetch(location.pathname);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const lists = page.getElementById("share-lists");
  if (!lists) return;
  find("share-lists").replaceWith(lists);
  showTimes(lists);
}

async function share(event) {
  event.preventDefault();
  const status = form.querySelector(".report");
  const kind = chosen();
  const server = encodeURIComponent(find("share-server").value);
  const scopes = ["access:servers", ...(find("share-start").checked ? ["start:servers", "delete:servers"] : [])];
  const answer = kind === "link"
    ? await call("POST", form.dataset.codes + server, { scopes, expires_in: Number(find("share-life").value) })
    : await call("POST", form.dataset.shares + server, { scopes, [kind]: find("share-name").value.trim() });
  find("link-area").hidden = !(answer.ok && kind === "link");
  if (!answer.ok) {
    status.textContent = describe(answer);
    return;
  }
  find("share-link").textContent = answer.model.full_accept_url || new URL(answer.model.accept_url ?? "", location).href;
  find("copy-link").textContent = _("Copy");
  status.textContent = kind === "link" ? "" : _("Shared with {name}.", { name: find("share-name").value.trim() });
  await updateLists();
  if (kind === "link") find("copy-link").focus();
}

async function copy() {
  try {
    await navigator.clipboard.writeText(find("share-link").textContent);
    find("copy-link").textContent = _("Copied");
  } catch {
    getSelection().selectAllChildren(find("share-link"));
  }
}

async function change(button, question, method, body, heading) {
  if (!await ask({ ...question, danger: true })) return;
  button.disabled = true;
  const answer = await call(method, button.dataset.url, body);
  if (answer.ok || answer.status === 404) {
    await updateLists();
    find(heading)?.focus();
  } else {
    button.disabled = false;
    await tell({ title: _("This did not work"), text: describe(answer) });
  }
}

const actions = {
  revoke(button) {
    const { kind, name } = button.dataset;
    const title = _("Stop sharing with {name}?", { name });
    change(button, { title, confirm: _("Stop sharing") }, "PATCH", { [kind]: name }, "shared-by-me-title");
  },
  "delete-link"(button) {
    const text = _("Nobody can use it any more. Those who have used it keep their access until you stop sharing with them.");
    change(button, { title: _("Delete this link?"), text, confirm: _("Delete link") }, "DELETE", undefined, "shared-by-me-title");
  },
  leave(button) {
    const title = _("Leave the server of {name}?", { name: button.dataset.name });
    const text = _("To use it again, you need a new link or share.");
    change(button, { title, text, confirm: _("Leave") }, "DELETE", undefined, "shared-with-me-title");
  },
};

document.addEventListener("click", (event) => {
  if (event.target.id === "copy-link") copy();
  const button = event.target.closest("button[data-action]");
  if (button) actions[button.dataset.action]?.(button);
});
form?.addEventListener("submit", share);
form?.addEventListener("change", showFields);
if (form) showFields();
