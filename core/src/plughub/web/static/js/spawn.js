// The form of a start: what was typed is there again when the start was refused or failed.
const form = document.getElementById("spawn_form");
const place = `plughub-spawn/${form.dataset.about}`;
const FORGOTTEN = ["password", "file", "hidden", "submit", "button", "reset", "image"];

const isTick = (field) => field.type === "checkbox" || field.type === "radio";
const nameOf = (field) => JSON.stringify([field.name, field.type, isTick(field) ? field.value : ""]);
const fields = () => [...form.elements].filter((field) => field.name && !FORGOTTEN.includes(field.type));

function read(field) {
  if (field.options) return [...field.selectedOptions].map((option) => option.value);
  return isTick(field) ? field.checked : field.value;
}

function put(field, state) {
  if (field.options) {
    if (![...field.options].some((option) => state.includes(option.value))) return;
    for (const option of field.options) option.selected = state.includes(option.value);
  } else if (isTick(field)) field.checked = state;
  else field.value = state;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function restore() {
  const typed = JSON.parse(sessionStorage.getItem(place) ?? "[]");
  for (const field of fields()) {
    const index = typed.findIndex(([name]) => name === nameOf(field));
    if (index >= 0) put(field, typed.splice(index, 1)[0][1]);
  }
}

form.addEventListener("submit", () => {
  sessionStorage.setItem(place, JSON.stringify(fields().map((field) => [nameOf(field), read(field)])));
});

if (form.dataset.again !== undefined) restore();
else sessionStorage.removeItem(place);
