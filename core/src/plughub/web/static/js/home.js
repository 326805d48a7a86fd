// The cards of the home page: actions, what servers use, and the form that adds a server.
import { call, describe, settled } from "./api.js";
import { ask } from "./dialog.js";
import { refresh } from "./live.js";
import { _, language } from "./words.js";

const SETTLE_SECONDS = 150;
const USAGE_SECONDS = 5;

function report(card, text) {
  const line = card.querySelector(".report");
  if (line) line.textContent = text;
}

/** Make a call, wait until the server has settled, and show the result; return whether it succeeded. */
async function act(card, text, method, body, url = card.dataset.url) {
  report(card, text);
  let answer = await call(method, url, body);
  if (answer.status === 202) answer = await settled(url, SETTLE_SECONDS);
  const done = answer.ok || (method === "DELETE" && answer.status === 404);
  report(card, done ? "" : describe(answer));
  await refresh();
  return done;
}

const actions = {
  stop: (card) => act(card, _("Stopping …"), "DELETE", {}),

  async restart(card) {
    const sure = await ask({
      title: _("Restart {name}?", { name: card.dataset.title }),
      text: _("It stops and starts again with the same options. What it has not saved is lost."),
      confirm: _("Restart"),
    });
    if (!sure || !(await act(card, _("Stopping …"), "DELETE", {}))) return;
    await act(card, _("Starting …"), "POST", { user_options: null, backend: card.dataset.backend });
  },

  async rename(card) {
    const answer = await ask({
      title: _("Rename {name}", { name: card.dataset.title }),
      text: _("The address stays the same."),
      confirm: _("Rename"),
      fields: [{ name: "name", label: _("Name"), value: card.dataset.displayName, required: true, attributes: { maxlength: 255 } }],
    });
    if (answer) await act(card, "", "PATCH", { display_name: answer.name.trim() });
  },

  async delete(card) {
    const sure = await ask({
      title: _("Delete {name} permanently?", { name: card.dataset.title }),
      text: _("Files stored outside the server are kept."),
      confirm: _("Delete"),
      danger: true,
    });
    if (sure) await act(card, _("Deleting …"), "DELETE", { remove: true });
  },

  async copy(card, button) {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      report(card, _("The address was copied."));
    } catch {
      getSelection().selectAllChildren(source); // over plain http, scripts may not use the clipboard
      report(card, _("The address is selected: copy it with the keyboard."));
    }
    setTimeout(() => report(card, ""), 4000);
  },
};

const busy = new Set();

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-action]");
  const card = button?.closest("[data-url]");
  if (!card) return;
  // By action: the page may show the result, and offer the next action, before the call has returned.
  const key = `${button.dataset.action} ${card.dataset.url}`;
  if (busy.has(key)) return;
  busy.add(key); // not a disabled button: it would lose the focus
  try {
    await actions[button.dataset.action]?.(card, button);
  } finally {
    busy.delete(key);
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("#new-server");
  if (!form) return;
  event.preventDefault();
  const name = document.getElementById("new-server-name").value.trim();
  location.assign(form.dataset.spawn + encodeURIComponent(name));
});

// ---- what servers use

const readings = new Map(); // model by URL

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const unitOf = (number) => Math.max(0, Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(number, 1)) / 10)));

function inUnit(number, unit) {
  const value = number / 1024 ** unit;
  return value.toLocaleString(language, { maximumFractionDigits: unit && value < 100 ? 1 : 0 });
}

/** Format bytes, with their limit if there is one: "2.8 GiB", "2.8 of 8 GiB", "11 MiB of 2 GiB". */
function bytes(used, limit) {
  const unit = unitOf(used);
  const usedText = `${inUnit(used, unit)} ${UNITS[unit]}`;
  if (!limit) return usedText;
  const unitOfLimit = unitOf(limit);
  return _("{used} of {limit}", {
    used: unit === unitOfLimit ? inUnit(used, unit) : usedText,
    limit: `${inUnit(limit, unitOfLimit)} ${UNITS[unitOfLimit]}`,
  });
}

const cores = (number) => number.toLocaleString(language, { maximumFractionDigits: 2 });

function phrase(resource, used, limit) {
  if (resource === "cpu") return limit ? _("{used} of {limit} cores", { used: cores(used), limit: cores(limit) }) : _("{used} cores", { used: cores(used) });
  return bytes(used, limit);
}

function drawCurve(svg, values, limit) {
  const top = Math.max(limit ?? 0, ...values) || 1;
  const points = values.map((value, index) => `${(100 * index) / (values.length - 1)},${(23 - (22 * value) / top).toFixed(2)}`);
  svg.toggleAttribute("hidden", points.length < 2);
  if (points.length < 2) return;
  svg.querySelector(".curve").setAttribute("d", `M${points.join("L")}`);
  svg.querySelector(".area").setAttribute("d", `M0,24L${points.join("L")}L100,24Z`);
}

function draw() {
  for (const box of document.querySelectorAll("[data-usage]")) {
    const model = readings.get(box.dataset.usage);
    let known = false;
    for (const part of box.querySelectorAll("[data-resource]")) {
      const { resource } = part.dataset;
      const used = model?.[resource] ?? null;
      part.hidden = used === null;
      if (used === null) continue;
      known = true;
      const limit = model[`${resource}_limit`];
      part.querySelector("b").textContent = phrase(resource, used, limit);
      part.classList.toggle("near-limit", Boolean(limit) && used > 0.9 * limit);
      const svg = part.querySelector("svg");
      const values = model.history.map((one) => one[resource]).filter((value) => value !== null && value !== undefined);
      if (svg) drawCurve(svg, values, limit);
    }
    box.hidden = !known;
  }
}

function isInView(card) {
  const { top, bottom } = card.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

async function measure() {
  if (!document.hidden) {
    const boxes = [...document.querySelectorAll("[data-usage]")].filter((box) => isInView(box.closest(".server")));
    const urls = boxes.map((box) => box.dataset.usage);
    await Promise.all(urls.map(async (url) => {
      const answer = await call("GET", url);
      if (answer.ok) readings.set(url, answer.model);
    }));
    draw();
  }
  setTimeout(measure, 1000 * USAGE_SECONDS);
}

document.addEventListener("plughub:updated", draw);
measure();
