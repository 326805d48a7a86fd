// Live pages: when something that a page shows has changed, the page is loaded again and <main> is morphed.
//
// A template opts in with the topics that it shows, separated by spaces:
//
//     {% set live = "server user" %}
//
// Topics are those of the change feed: server, user, group, service, role, session, token, share, audit, and
// announcement and others for the hub as a whole. The stream names topics only; what the page shows is what the
// server renders for this user. What a template must observe:
//
// - Every row, card and button has a stable id.
// - Listeners are delegated: listen on document, and find event.target.closest("[data-action]").
// - An element with `data-keep` is left as it is, with everything in it, also when the new page lacks it.
// - An element with `data-refresh="5"` has the page loaded again every 5 seconds while it is visible.
// - Typed text, checked boxes, focus, open <details> and open <dialog>s stay.
//
// The announcements above <main> are updated as well.
// After each update <main> sends the event "plughub:updated". Use `refresh()` after an action, to show its result
// without waiting for the stream, and `onChange(topics, listener)` for what is not part of <main>.
import { showTimes } from "./times.js";
import { _ } from "./words.js";

const main = document.getElementById("main") ?? document.body;
const topics = new Set((main.dataset.live ?? "").split(/\s+/).filter(Boolean));
const streamUrl = `${window.jhdata.base_url}api/events`;
const name = `plughub-live ${window.jhdata.base_url} ${window.jhdata.user}`;
const REGIONS = ["announcements", "main"];
const SHORTEST_PAUSE = 700; // milliseconds between two loads of the page
const LONGEST_BACKOFF = 30000;
const REMEMBERED = 100; // events that a tab which has just opened may ask for

const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));
const listeners = [];

/** Call a function whenever one of the topics has changed. */
export function onChange(wanted, listener) {
  listeners.push([new Set(wanted), listener]);
}

// ---- loading and morphing

let loading = null;
let wanted = false;
let loadedAt = performance.now();
let failures = 0;

/** Load the page again and show what has changed. Several calls at once become one. */
export function refresh() {
  wanted = true;
  if (document.hidden) return Promise.resolve();
  loading ??= load().finally(() => {
    loading = null;
    if (wanted && !document.hidden) refresh();
  });
  return loading;
}

async function load() {
  const begun = performance.now();
  wanted = false;
  try {
    const answer = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
    const text = await answer.text();
    if (answer.redirected && new URL(answer.url).pathname !== location.pathname) {
      location.reload(); // the login has ended, or the page leads elsewhere by now
      return;
    }
    if (answer.status >= 500) throw new Error(answer.status);
    await show(new DOMParser().parseFromString(text, "text/html"));
    failures = 0;
    setConnected(true);
  } catch {
    failures += 1;
    wanted = true;
    if (failures > 1) setConnected(false);
  }
  loadedAt = performance.now();
  // A page that takes long to load is loaded less often.
  await pause(Math.max(SHORTEST_PAUSE, 3 * (loadedAt - begun), backoff(failures)));
}

function backoff(attempts) {
  return attempts ? Math.min(LONGEST_BACKOFF, 500 * 2 ** attempts) * (0.5 + Math.random() / 2) : 0;
}

async function show(page) {
  await idiomorph();
  const focus = rememberFocus();
  showTimes(page);
  for (const id of REGIONS) {
    const before = document.getElementById(id);
    const after = page.getElementById(id);
    if (before && after) window.Idiomorph.morph(before, after, { callbacks, ignoreActiveValue: true });
  }
  document.title = page.title;
  restoreFocus(focus);
  scheduleRefresh();
  main.dispatchEvent(new CustomEvent("plughub:updated", { bubbles: true }));
}

let library = null;

function idiomorph() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/idiomorph/idiomorph.min.js", import.meta.url);
    script.onload = resolve;
    script.onerror = () => { library = null; reject(new Error("idiomorph")); };
    document.head.append(script);
  });
  return library;
}

const callbacks = {
  beforeNodeMorphed(before) {
    if (before.nodeType !== Node.ELEMENT_NODE) return true;
    return !("keep" in before.dataset) && !isEdited(before);
  },
  beforeNodeRemoved(node) {
    return node.nodeType !== Node.ELEMENT_NODE || !("keep" in node.dataset);
  },
  beforeAttributeUpdated(attribute, node) {
    return !(attribute === "open" && (node.localName === "details" || node.localName === "dialog"));
  },
};

/** Return whether a form field differs from what the page was loaded with. */
function isEdited(node) {
  if (node.localName === "select") return [...node.options].some((option) => option.selected !== option.defaultSelected)
    && (node.multiple || node.selectedIndex > 0 || [...node.options].some((option) => option.defaultSelected));
  if (node.localName === "textarea") return node.value !== node.defaultValue;
  if (node.localName !== "input" || node.type === "hidden") return false;
  if (node.type === "checkbox" || node.type === "radio") return node.checked !== node.defaultChecked;
  return node.type === "file" ? node.files.length > 0 : node.value !== node.defaultValue;
}

/** Return the ids of the focused element and of the elements around it. */
function rememberFocus() {
  const ids = [];
  for (let node = document.activeElement; node && node !== main; node = node.parentElement) {
    if (node.id) ids.push(node.id);
  }
  return main.contains(document.activeElement) ? ids : [];
}

function restoreFocus(ids) {
  if (!ids.length || (document.activeElement && document.activeElement !== document.body)) return;
  for (const id of ids) {
    const node = document.getElementById(id);
    if (!node) continue;
    const target = node.matches("a[href], button, input, select, textarea, summary, [tabindex]") ? node
      : node.querySelector("a[href], button:not(:disabled), [tabindex]");
    if (!target || target.disabled) continue;
    target.focus({ preventScroll: true });
    return;
  }
}

// ---- periodic loads, and what has changed while the page was hidden

let timer = 0;

function scheduleRefresh() {
  clearTimeout(timer);
  const seconds = [...main.querySelectorAll("[data-refresh]")].map((node) => Number(node.dataset.refresh)).filter(Boolean);
  if (seconds.length) timer = setTimeout(refresh, 1000 * Math.min(...seconds));
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && (wanted || performance.now() - loadedAt > 60000)) refresh();
});

// ---- the connection

const status = document.createElement("p");
status.id = "live-status";
status.setAttribute("role", "status");
document.body.append(status);

function setConnected(connected) {
  const text = connected ? "" : _("The hub cannot be reached. Trying again …");
  if (status.textContent !== text) status.textContent = text;
}

const channel = new BroadcastChannel(name);
const events = [];
let lastAt = Number(main.dataset.liveAt) || 0;

function receive(event) {
  lastAt = Math.max(lastAt, event.at);
  const changed = (topic) => event.topics.includes("*") || event.topics.includes(topic);
  for (const [interesting, listener] of listeners) {
    if ([...interesting].some(changed)) listener(event);
  }
  if (event.topics.length && [...topics].some(changed)) refresh();
}

channel.onmessage = ({ data }) => {
  if (data.topics) receive(data);
  // A tab has opened after these events were sent, but was rendered before.
  else if (data.since) for (const event of events) if (event.at >= data.since) channel.postMessage(event);
};

function share(event) {
  events.push(event);
  if (events.length > REMEMBERED) events.shift();
  receive(event);
  channel.postMessage(event);
}

/** Read the stream until it ends; return the seconds after which to open it again, or -1 for never. */
async function read(signal) {
  const headers = { "X-XSRFToken": window.jhdata.xsrf_token, Accept: "text/event-stream" };
  const answer = await fetch(`${streamUrl}?since=${lastAt}`, { headers, signal, cache: "no-store" });
  if (answer.status === 403) {
    refresh(); // shows the login page if the login has ended
    return -1;
  }
  if (!answer.ok) return Number(answer.headers.get("Retry-After")) || 5;
  setConnected(true);
  if (failures) refresh();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return 0;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) if (part.startsWith("data: ")) share(JSON.parse(part.slice(6)));
  }
}

/** Keep the stream open until the signal ends it. */
async function connect(signal) {
  let attempts = 0;
  while (!signal.aborted) {
    const begun = performance.now();
    let seconds = 0;
    try {
      seconds = await read(signal);
    } catch { /* the hub is away */ }
    if (seconds < 0 || signal.aborted) return;
    attempts = performance.now() - begun > 10000 ? 0 : attempts + 1;
    if (attempts > 2) setConnected(false);
    // While there is no stream, the page shows changes with a delay.
    if (attempts > 1 || seconds) refresh();
    await pause(Math.max(1000 * seconds, attempts ? backoff(attempts - 1) + 200 * Math.random() : 0));
  }
}

let stream = null;

function begin() {
  if (stream) return;
  stream = new AbortController();
  const { signal } = stream;
  if (navigator.locks) {
    // One tab of the browser holds the lock and the stream, and tells the others.
    channel.postMessage({ since: lastAt });
    navigator.locks.request(name, { signal }, () => connect(signal)).catch(() => {});
  } else if (!document.hidden) connect(signal); // plain http: each visible tab has a stream
}

function end() {
  stream?.abort();
  stream = null;
}

if (!navigator.locks) document.addEventListener("visibilitychange", () => { if (document.hidden) end(); else begin(); });
addEventListener("pagehide", end);
addEventListener("pageshow", (event) => { if (event.persisted) { begin(); refresh(); } });
begin();
scheduleRefresh();
idiomorph().catch(() => {}); // the first update needs it
