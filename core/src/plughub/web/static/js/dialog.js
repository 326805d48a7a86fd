// Questions in a dialog. Focus returns to the element that had it.
//
//   import { ask, tell } from "./dialog.js";
//   const answer = await ask({
//     title: _("Delete {name}?", { name }), text: _("Its files are kept."), confirm: _("Delete"), danger: true,
//     fields: [{ name: "reason", label: _("Reason"), required: true }],
//   });
//   if (answer) …  // null if the user cancelled, else an object with the values of the fields
//
// `problem` says why the last answer was refused; the fields then have its values.
// A field has name and label, and optionally type (of <input>, "textarea", "select" or "checkbox"), value, help,
// required, options (of a select: texts or [value, label]) and attributes (such as { maxlength: 30, pattern: "…" }).
import { _ } from "./words.js";

let count = 0;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

function control(field, id) {
  const { type = "text", name, value = "", options = [], required = false } = field;
  if (type === "select") {
    const made = element("select", { id, name, required });
    for (const option of options) {
      const [key, label] = Array.isArray(option) ? option : [option, option];
      made.append(new Option(label, key, false, String(key) === String(value)));
    }
    return made;
  }
  if (type === "textarea") return element("textarea", { id, name, value, required, rows: 4 });
  if (type === "checkbox") return element("input", { id, name, type, checked: Boolean(value), required });
  return element("input", { id, name, type, value, required, autocomplete: "off" });
}

function row(field, id) {
  const input = control(field, id);
  for (const [name, value] of Object.entries(field.attributes ?? {})) input.setAttribute(name, value);
  const label = element("label", { htmlFor: id }, field.label);
  const help = field.help ? element("small", { id: `${id}-help` }, field.help) : null;
  if (help) input.setAttribute("aria-describedby", help.id);
  const order = field.type === "checkbox" ? [input, label] : [label, input];
  return element("div", { className: field.type === "checkbox" ? "field check" : "field" }, ...order, help);
}

function build({ title, text = "", problem = "", confirm, danger, fields, cancel }) {
  const id = `dialog-${count += 1}`;
  const form = element("form", { method: "dialog" });
  const heading = element("h2", { id: `${id}-title` }, title);
  const paragraphs = [text].flat().filter(Boolean).map((line) => element("p", {}, line));
  const actions = element("p", { className: "actions" });
  const submit = element("button", { type: "submit", value: "yes", className: danger ? "danger" : "main" }, confirm);
  const leave = cancel ? element("button", { type: "button", className: "quiet" }, cancel) : null;
  actions.append(...[submit, leave].filter(Boolean));
  if (problem) paragraphs.push(element("p", { className: "note bad", role: "alert" }, problem));
  form.append(heading, ...paragraphs, ...fields.map((field, index) => row(field, `${id}-${index}`)), actions);
  const dialog = element("dialog", { id, className: "ask" }, form);
  dialog.setAttribute("aria-labelledby", heading.id);
  leave?.addEventListener("click", () => dialog.close(""));
  // The less dangerous button has the focus at first, unless there is something to type.
  (form.querySelector(".field :is(input, select, textarea)") ?? (danger && leave ? leave : submit)).autofocus = true;
  return dialog;
}

function valuesOf(dialog) {
  const controls = [...dialog.querySelectorAll(".field :is(input, select, textarea)")];
  return Object.fromEntries(controls.map((input) => [input.name, input.type === "checkbox" ? input.checked : input.value]));
}

function show(dialog) {
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const answer = dialog.returnValue === "yes" ? valuesOf(dialog) : null;
      dialog.remove();
      // The page may have been updated meanwhile.
      const again = before?.isConnected ? before : document.getElementById(before?.id ?? "");
      again?.focus();
      resolve(answer);
    }, { once: true });
  });
}

/** Ask a question; resolve to null if the user cancels, else to an object with the values of the fields. */
export function ask({ title, text = "", problem = "", confirm = _("OK"), cancel = _("Cancel"), danger = false, fields = [] }) {
  return show(build({ title, text, problem, confirm, danger, fields, cancel }));
}

/** Show a message until the user closes it. */
export async function tell({ title, text = "" }) {
  await show(build({ title, text, confirm: _("Close"), danger: false, fields: [], cancel: "" }));
}
