// Options form: restores the user's input after a start was refused or failed.
const form = document.getElementById("spawn_form");
const storageKey = `plughub-spawn/${form.dataset.about}`;
const UNSAVED_TYPES = ["password", "file", "hidden", "submit", "button", "reset", "image"];

const isCheckable = (field) => field.type === "checkbox" || field.type === "radio";
const nameOf = (field) => JSON.stringify([field.name, field.type, isCheckable(field) ? field.value : ""]);
const fields = () => [...form.elements].filter((field) => field.name && !UNSAVED_TYPES.includes(field.type));

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

if (form.dataset.again !== undefined) restore();
else sessionStorage.removeItem(storageKey);
