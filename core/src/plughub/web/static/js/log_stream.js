// The log of a server, followed as it is written.
//
//   import { followLog } from "./log_stream.js";
//   const log = followLog(document.getElementById("log"), { most: 5000, changed: (log) => …, problem: (text) => … });
//   log.follow = false;  // stay where the reader has scrolled
//   log.close();
//
// The element is a <pre> with the address of the stream in data-stream.
import { _ } from "./words.js";

const RETRY = 5000; // milliseconds
const NEAR = 60; // pixels from the end that count as being at the end
const BAD = /^\s*\[?(E|C|CRITICAL|ERROR|FATAL)\b|\b(ERROR|CRITICAL|FATAL)\b|^Traceback |^\s*[\w.]*(Error|Exception)\b/;
const WARNING = /^\s*\[?(W|WARN|WARNING)\b|\bWARN(ING)?\b/;

function lineElement(text) {
  const line = document.createElement("span");
  line.textContent = `${text}\n`;
  if (BAD.test(text)) line.className = "bad";
  else if (WARNING.test(text)) line.className = "warn";
  return line;
}

/** Follow a log. `changed` is called after each update, `problem` with a text when lines cannot be read, else "". */
export function followLog(element, { most = 5000, changed = () => {}, problem = () => {} } = {}) {
  let source = null;
  let timer = 0;
  let first = 0;
  let last = "";
  let closed = false;
  const log = { follow: true, live: true, filter: "", lines: () => [...element.children], close, scroll };

  function scroll() {
    element.scrollTop = element.scrollHeight;
  }

  function isAtEnd() {
    return element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
  }

  function show(event) {
    const stays = log.follow && isAtEnd();
    if (event.reset) {
      element.replaceChildren();
      first = event.from;
    }
    while (element.childElementCount > Math.max(event.from - first, 0)) element.lastElementChild.remove();
    if (!element.childElementCount) first = event.from;
    const lines = event.lines.map(lineElement);
    for (const line of lines) line.hidden = !line.textContent.toLowerCase().includes(log.filter);
    element.append(...lines);
    for (; element.childElementCount > most; first += 1) element.firstElementChild.remove();
    log.live = event.live;
    problem(event.problem);
    changed(log);
    if (stays || (event.reset && log.follow)) scroll();
  }

  function open() {
    clearTimeout(timer);
    if (closed || source || document.hidden) return;
    const since = last ? `&since=${encodeURIComponent(last)}` : "";
    source = new EventSource(element.dataset.stream + since);
    source.onmessage = (message) => {
      last = message.lastEventId;
      const event = JSON.parse(message.data);
      show(event);
      if (!event.live) again();  // the server may be started again
    };
    source.onerror = () => {
      // The browser continues a stream that has ended; one that was refused stays closed.
      if (source?.readyState !== EventSource.CLOSED) return;
      problem(_("The log cannot be read at the moment. Trying again …"));
      again();
    };
  }

  function stop() {
    source?.close();
    source = null;
    clearTimeout(timer);
  }

  function again() {
    stop();
    timer = setTimeout(open, RETRY);
  }

  // A hidden page needs no lines, and browsers allow few streams at a time.
  function watchVisibility() {
    if (document.hidden) stop();
    else open();
  }

  function close() {
    closed = true;
    stop();
    document.removeEventListener("visibilitychange", watchVisibility);
  }

  document.addEventListener("visibilitychange", watchVisibility);
  open();
  return log;
}

/** Show only lines that contain a text; return how many there are. */
export function filterLog(log, text) {
  log.filter = text.toLowerCase();
  let shown = 0;
  for (const line of log.lines()) {
    line.hidden = !line.textContent.toLowerCase().includes(log.filter);
    shown += line.hidden ? 0 : 1;
  }
  return shown;
}
