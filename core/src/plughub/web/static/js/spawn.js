// Start form: shows the options of the chosen profile, suggests the last choice, and copies a link that starts it.
import { _ } from "./words.js";

const form = document.getElementById("spawn_form");
const storageKey = `plughub-spawn/${form.dataset.about}`;
const UNSAVED_TYPES = ["password", "file", "hidden", "submit", "button", "reset", "image"];
const UNLISTED = "--unlisted-choice";

const isCheckable = (field) => field.type === "checkbox" || field.type === "radio";
const nameOf = (field) => JSON.stringify([field.name, field.type, isCheckable(field) ? field.value : ""]);
const fields = () => [...form.elements].filter((field) => field.name && !UNSAVED_TYPES.includes(field.type));
const isDisabled = (field) => field.matches(":disabled");

// ---- the fields of the chosen profile

function chosenProfile() {
  const field = form.elements.profile;
  return field ? field.value : "";
}

function showProfile() {
  for (const group of form.querySelectorAll("[data-profile]")) {
    const chosen = group.dataset.profile === chosenProfile();
    group.hidden = !chosen;
    group.disabled = !chosen;
  }
}

function showOther(select) {
  const row = form.querySelector(`[data-other-of="${CSS.escape(select.name)}"]`);
  if (!row) return;
  const field = row.querySelector("input");
  row.hidden = select.value !== UNLISTED;
  field.disabled = row.hidden;
}

form.addEventListener("change", ({ target }) => {
  if (target.name === "profile") showProfile();
  if (target.tagName === "SELECT") showOther(target);
});
for (const field of form.querySelectorAll("[data-required]")) field.required = true;

// ---- the input after a refused or failed start

function read(field) {
  if (field.options) return [...field.selectedOptions].map((option) => option.value);
  return isCheckable(field) ? field.checked : field.value;
}

function put(field, state) {
  if (field.options) {
    if (![...field.options].some((option) => state.includes(option.value))) return;
    for (const option of field.options) option.selected = state.includes(option.value);
  } else if (isCheckable(field)) field.checked = state;
  else field.value = state;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function restore() {
  const saved = JSON.parse(sessionStorage.getItem(storageKey) ?? "[]");
  for (const field of fields()) {
    const index = saved.findIndex(([name]) => name === nameOf(field));
    if (index >= 0) put(field, saved.splice(index, 1)[0][1]);
  }
}

form.addEventListener("submit", () => {
  sessionStorage.setItem(storageKey, JSON.stringify(fields().map((field) => [nameOf(field), read(field)])));
});

// ---- the options of the last start, in forms of spawners that do not suggest them

const textsOf = (value) => (Array.isArray(value) ? value : [value]).map((one) => (one === true ? "on" : String(one ?? "")));
const isPlain = (value) => value !== null && (typeof value !== "object" || Array.isArray(value));

function suggest(options) {
  const own = fields().filter((field) => field.dataset.option === undefined && field.name !== "profile");
  for (const field of own) {
    const value = options[field.name];
    if (value === undefined || !isPlain(value) || field.dataset.forget !== undefined) continue;
    const texts = textsOf(value);
    if (field.options) put(field, texts);
    else if (isCheckable(field)) put(field, texts.includes(field.value));
    else if (texts.length === 1 && texts[0] !== "[object Object]") put(field, texts[0]);
  }
}

if (form.dataset.again !== undefined) restore();
else {
  sessionStorage.removeItem(storageKey);
  suggest(JSON.parse(document.getElementById("last-options")?.textContent || "{}"));
}
if (form.elements.profile?.length) showProfile();

// ---- a link that starts what is chosen

function startLink() {
  const link = new URL(form.dataset.link, location.origin);
  if (chosenProfile()) link.searchParams.append("opt-profile", chosenProfile());
  for (const field of fields()) {
    if (field.name === "profile" || isDisabled(field)) continue;
    const name = field.dataset.option ?? field.name;
    if (isCheckable(field) && !field.checked) {
      if (field.dataset.option && field.value === "true") link.searchParams.append(`opt-${name}`, "false");
      continue;
    }
    const values = field.options ? [...field.selectedOptions].map((option) => option.value) : [field.value];
    for (const value of values.filter((one) => one !== "" && one !== UNLISTED)) {
      link.searchParams.append(`opt-${name}`, value);
    }
  }
  return link.href;
}

const copy = document.getElementById("copy-start-link");
const result = document.getElementById("copy-start-result");
if (copy) copy.hidden = false;
copy?.addEventListener("click", async () => {
  const link = startLink();
  try {
    await navigator.clipboard.writeText(link);
    result.textContent = _("Link copied. Opened from another site, it asks before it starts the server.");
  } catch {
    result.textContent = link; // without https, browsers do not let pages copy
  }
});
