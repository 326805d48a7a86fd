// Progress of a server that starts or stops.
import { call, describe, settled } from "./api.js";
import { followLog } from "./log_stream.js";
import { _ } from "./words.js";

const find = (id) => document.getElementById(id);

function watchStart(section) {
  const bar = find("progress-bar");
  const stop = find("stop-server-btn");
  let source = null;
  let ended = false;
  let attempts = 0;
  const log = followServer();
  const timer = countTime();

  function show(event) {
    const percent = Math.max(0, Math.min(100, event.progress ?? 0));
    bar.setAttribute("aria-valuenow", percent);
    find("sr-progress").style.width = `${percent}%`;
    find("sr-progress").textContent = `${percent}%`;
    put(find("progress-message"), event);
    const line = document.createElement("li");
    const log = find("progress-log");
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    put(line, event);
    log.append(line);
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  // Scroll to the newest events when the log is opened.
  find("progress-details").addEventListener("toggle", () => { find("progress-log").scrollTop = 1e9; });

  function put(element, event) {
    // Trusted markup: by contract, plugins escape it.
    if (event.html_message) element.innerHTML = event.html_message;
    else element.textContent = event.message ?? "";
  }

  function showFailure(event) {
    clearInterval(timer);
    log?.close();
    bar.classList.add("bad");
    const box = find("failure");
    box.hidden = false;
    put(box.querySelector(".message"), event);
    if (event.exit_code !== undefined && event.exit_code !== null) {
      box.querySelector(".exit").hidden = false;
      box.querySelector(".exit b").textContent = event.exit_code;
    }
    if (event.logs?.length) {
      box.querySelector(".logs").hidden = false;
      box.querySelector(".logs pre").textContent = event.logs.join("\n");
      if (log) find("server-log").hidden = true;
    }
    find("progress-message").textContent = "";
    document.querySelector("h1").textContent = _("The server failed to start");
    find("retry").hidden = false;
    find("promise")?.remove();
    stop.hidden = true;
    find("retry").focus();
  }

  function end(event) {
    ended = true;
    source.close();
    if (event.ready) location.replace(section.dataset.after);
    else showFailure(event);
  }

  function listen() {
    source = new EventSource(section.dataset.progressUrl);
    source.onmessage = (message) => {
      const event = JSON.parse(message.data);
      attempts = 0;
      show(event);
      if (event.ready || event.failed) end(event);
    };
    source.onerror = async () => {
      source.close();
      if (ended) return;
      attempts += 1;
      // The hub may be restarting while the start continues. If the start has ended, this page's address shows the result.
      const answer = await call("GET", section.dataset.serverUrl);
      if (answer.ok && answer.model.pending !== "spawn") location.replace(section.dataset.after);
      else if (answer.status === 403 || answer.status === 404) location.reload();
      else {
        find("progress-message").textContent = _("The hub cannot be reached. Trying again …");
        setTimeout(() => { find("progress-log").replaceChildren(); listen(); }, Math.min(1000 * attempts, 10000));
      }
    };
  }

  stop.addEventListener("click", async () => {
    const status = find("stop-server-status");
    stop.disabled = true;
    status.textContent = _("Cancelling …");
    let answer = await call("DELETE", section.dataset.serverUrl, {});
    if (answer.status === 202) answer = await settled(section.dataset.serverUrl, 60);
    if (answer.ok || answer.status === 404) {
      ended = true;
      location.assign(section.dataset.home);
    } else {
      status.textContent = describe(answer);
      stop.disabled = false;
    }
  });

  listen();
}

// Show what the server writes, as soon as it has written something.
function followServer() {
  const element = find("log");
  if (!element) return null;
  return followLog(element, {
    most: 500,
    changed: (log) => {
      const shown = log.lines().length > 0;
      if (shown && find("server-log").hidden) {
        find("server-log").hidden = false;
        log.scroll();
      }
    },
  });
}

function countTime() {
  const box = find("timing");
  if (!box) return 0;
  const begun = performance.now() - 1000 * Number(box.dataset.elapsed);
  const longest = Number(box.dataset.longest ?? Infinity);
  const tick = () => {
    const seconds = Math.floor((performance.now() - begun) / 1000);
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    find("elapsed").textContent = _("Elapsed time: {time}", { time });
    if (seconds > longest && find("late").hidden) {
      find("late").hidden = false;
      find("usual").hidden = true;
    }
  };
  tick();
  return setInterval(tick, 1000);
}

async function watchStop(section) {
  await settled(section.dataset.serverUrl, 600);
  location.replace(section.dataset.after);
}

const starting = find("pending");
const stopping = find("stopping");
if (starting) watchStart(starting);
if (stopping) watchStop(stopping);
