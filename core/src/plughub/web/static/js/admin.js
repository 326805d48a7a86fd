// Actions of the administration console. Listeners are on the document, because the page is updated in place.
import { call, describe } from "./api.js";
import { ask } from "./dialog.js";
import { refresh } from "./live.js";
import { _, _n } from "./words.js";

const AT_ONCE = 4;
const find = (id) => document.getElementById(id);

/** Show a message at the top of the page; screen readers announce it. */
export function report(message, isError = false) {
  const line = find("report");
  line.textContent = message;
  line.classList.toggle("bad", isError);
}

const json = (text) => (text ? JSON.parse(text) : undefined);

/** Ask what a control asks before its call; null if the user cancels, else the values of the fields. */
async function confirmed({ ask: title, text, confirm, danger, fields }) {
  if (title === undefined) return {};
  return ask({ title, text, confirm, danger: danger !== undefined, fields: json(fields) ?? [] });
}

const names = (text) => text.split(/[\s,;]+/).filter(Boolean);

/** Return the body of a call: fixed values and those of the fields; some fields are a list or all of the body. */
function bodyOf({ body, listField, jsonField }, values) {
  if (jsonField) return JSON.parse(values[jsonField] || "{}");
  const sent = { ...json(body), ...values };
  if (listField) sent[listField] = listField === "users" ? names(sent[listField]) : [sent[listField].trim()];
  return sent;
}

/** Call the API as the attributes of a control say. */
async function act(control) {
  const { method, url, then, thenField, done } = control.dataset;
  const values = await confirmed(control.dataset);
  if (values === null) return;
  let sent;
  try {
    sent = bodyOf(control.dataset, values);
  } catch (error) {
    report(_("This is no JSON: {reason}", { reason: error.message }), true);
    return;
  }
  const answer = await call(method, url, method === "GET" || (!Object.keys(sent).length && method !== "POST") ? undefined : sent);
  if (!answer.ok) {
    report(describe(answer), true);
    return;
  }
  if (then) {
    location.assign(thenField ? then + encodeURIComponent(answer.model[thenField]) : then);
    return;
  }
  report(done ?? "");
  refresh();
}

// ---- many at once

const boxes = () => [...document.querySelectorAll("input[data-select]")];
const chosen = () => boxes().filter((box) => box.checked);
/** Return the address for an action on the row of a box; undefined if the row does not offer it. */
const target = (box, kind) => box.closest("tr").dataset[kind];

function showSelection() {
  const all = boxes();
  const count = chosen().length;
  const bar = find("bulk");
  if (!bar) return;
  bar.hidden = !count;
  find("bulk-count").textContent = _n("{n} selected", "{n} selected", count);
  for (const button of bar.querySelectorAll("[data-bulk]")) {
    button.disabled = !chosen().some((box) => target(box, button.dataset.bulk));
  }
  const head = find("select-all");
  if (!head) return;
  head.checked = count > 0 && count === all.length;
  head.indeterminate = count > 0 && count < all.length;
}

function listed(names) {
  const shown = names.slice(0, 12).join(", ");
  return names.length > 12 ? _("{names} and {n} more", { names: shown, n: names.length - 12 }) : shown;
}

const BULK = {
  start: { method: "POST", body: {}, title: (n) => _n("Start {n} server?", "Start {n} servers?", n), confirm: () => _("Start") },
  stop: { method: "DELETE", title: (n) => _n("Stop {n} server?", "Stop {n} servers?", n), confirm: () => _("Stop"), danger: true },
  delete: {
    method: "DELETE", title: (n) => _n("Delete {n} user?", "Delete {n} users?", n), confirm: () => _("Delete"), danger: true,
    text: () => _("Their servers are stopped, and their tokens and logins end. This cannot be undone."),
  },
  revoke: { method: "DELETE", title: (n) => _n("Revoke {n} token?", "Revoke {n} tokens?", n), confirm: () => _("Revoke"), danger: true },
};

async function bulk(button) {
  const kind = button.dataset.bulk;
  const { method, body, title, confirm, danger = false, text } = BULK[kind];
  const targets = chosen().filter((box) => target(box, kind));
  const names = targets.map((box) => box.dataset.select);
  const question = { title: title(names.length), text: [listed(names), text?.()].filter(Boolean), confirm: confirm(), danger };
  if (!targets.length || (await ask(question)) === null) return;
  const waiting = [...targets];
  const failures = [];
  let count = 0;
  const work = async () => {
    for (let box = waiting.shift(); box; box = waiting.shift()) {
      const answer = await call(method, target(box, kind), body);
      count += 1;
      if (answer.ok) box.checked = false;
      else failures.push(`${box.dataset.select}: ${describe(answer)}`);
      report(_("{n} of {total} done", { n: count, total: targets.length }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  showSelection();
  refresh();
  report(failures.length ? listed(failures) : _("{n} of {total} done", { n: count, total: targets.length }), failures.length > 0);
}

async function addToGroup(button) {
  const users = chosen().map((box) => box.dataset.select);
  const options = json(button.dataset.groups);
  const field = { name: "group", label: _("Group"), type: "select", options, required: true };
  const values = await ask({ title: _n("Add {n} user to a group", "Add {n} users to a group", users.length), text: listed(users), confirm: _("Add"), fields: [field] });
  if (values === null) return;
  const answer = await call("POST", `${button.dataset.url}/${encodeURIComponent(values.group)}/users`, { users });
  report(answer.ok ? _("Added to {group}.", { group: values.group }) : describe(answer), !answer.ok);
  refresh();
}

async function leaveGroup(button) {
  const users = chosen().map((box) => box.dataset.select);
  const { group, url } = button.dataset;
  const title = _n("Remove {n} member from {group}?", "Remove {n} members from {group}?", users.length, { group });
  if ((await ask({ title, text: listed(users), confirm: _("Remove"), danger: true })) === null) return;
  const answer = await call("DELETE", url, { users });
  report(answer.ok ? _("Removed from {group}.", { group }) : describe(answer), !answer.ok);
  for (const box of chosen()) box.checked = false;
  showSelection();
  refresh();
}

async function join(form) {
  const group = form.elements.group.value;
  const answer = await call("POST", `${form.dataset.url}/${encodeURIComponent(group)}/users`, { users: [form.dataset.user] });
  report(answer.ok ? _("Added to {group}.", { group }) : describe(answer), !answer.ok);
  if (answer.ok) refresh();
}

// ---- users

async function addUsers(button, typed = {}, problem = "") {
  const fields = [{
    name: "usernames", label: _("Usernames"), type: "textarea", required: true, value: typed.usernames,
    help: _("One or many, separated by lines, spaces or commas."), attributes: { autocapitalize: "off", spellcheck: "false" },
  }];
  if (button.dataset.admins) fields.push({ name: "admin", label: _("Make them administrators of this hub"), type: "checkbox", value: typed.admin });
  const values = await ask({ title: _("Add users"), text: _("They may log in from now on."), problem, confirm: _("Add"), fields });
  if (values === null) return;
  const usernames = names(values.usernames);
  const answer = await call("POST", button.dataset.url, { usernames, admin: Boolean(values.admin) });
  if (!answer.ok) {
    await addUsers(button, values, describe(answer)); // long lists are not typed again
    return;
  }
  const made = answer.model.length;
  const existing = usernames.length - made;
  const words = [_n("{n} user added.", "{n} users added.", made)];
  if (existing) words.push(_n("{n} existed already.", "{n} existed already.", existing));
  report(words.join(" "));
  refresh();
}

async function invite(button) {
  const values = await confirmed(button.dataset);
  if (values === null) return;
  const answer = await call("POST", button.dataset.url, { expires_in: Number(values.expires_in) });
  if (!answer.ok) {
    report(describe(answer), true);
    return;
  }
  report("");
  find("invitation").hidden = false;
  find("invitation-link").textContent = new URL(answer.model.url, location.href).href;
  find("copy-invitation").focus();
}

async function copy(button) {
  const source = find(button.dataset.from);
  try {
    await navigator.clipboard.writeText(source.textContent);
    report(_("Copied."));
  } catch {
    getSelection().selectAllChildren(source);
  }
}

const ACTIONS = { call: act, bulk, "bulk-group": addToGroup, "bulk-leave": leaveGroup, "add-users": addUsers, invite, copy };

// A control that is at work keeps the focus, so it is not disabled.
document.addEventListener("click", async (event) => {
  const control = event.target.closest("[data-action]");
  const action = ACTIONS[control?.dataset.action];
  if (!action || control.ariaBusy === "true") return;
  control.ariaBusy = "true";
  try {
    await action(control);
  } finally {
    control.ariaBusy = null;
  }
});

document.addEventListener("change", (event) => {
  const { target } = event;
  if (target.id === "select-all") for (const box of boxes()) box.checked = target.checked;
  if (target.matches("#select-all, [data-select]")) showSelection();
  if (target.matches("[data-submit]")) target.form.requestSubmit();
});

document.addEventListener("plughub:updated", showSelection);

document.addEventListener("submit", (event) => {
  if (event.target.dataset.form !== "join") return;
  event.preventDefault();
  join(event.target);
});

showSelection();
// On a phone the navigation is a strip.
document.querySelector("nav.sections [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
