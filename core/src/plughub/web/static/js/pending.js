// Watching a server start or stop.
import { call, describe, settled } from "./api.js";

const find = (id) => document.getElementById(id);

function watchStart(place) {
  const bar = find("progress-bar");
  const stop = find("stop-server-btn");
  let source = null;
  let ended = false;
  let tries = 0;

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

  // The end of what has happened is what people open it for.
  find("progress-details").addEventListener("toggle", () => { find("progress-log").scrollTop = 1e9; });

  function put(element, event) {
    // Markup comes from plugins, which vouch for it.
    if (event.html_message) element.innerHTML = event.html_message;
    else element.textContent = event.message ?? "";
  }

  function showFailure(event) {
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
    }
    find("progress-message").textContent = "";
    document.querySelector("h1").textContent = "The start of the server failed";
    find("retry").hidden = false;
    find("promise")?.remove();
    stop.hidden = true;
    find("retry").focus();
  }

  function end(event) {
    ended = true;
    source.close();
    if (event.ready) location.replace(place.dataset.after);
    else showFailure(event);
  }

  function listen() {
    source = new EventSource(place.dataset.progressUrl);
    source.onmessage = (message) => {
      const event = JSON.parse(message.data);
      tries = 0;
      show(event);
      if (event.ready || event.failed) end(event);
    };
    source.onerror = async () => {
      source.close();
      if (ended) return;
      tries += 1;
      // The hub may be starting anew: the start goes on meanwhile. What has ended, this page's address knows.
      const answer = await call("GET", place.dataset.serverUrl);
      if (answer.ok && answer.model.pending !== "spawn") location.replace(place.dataset.after);
      else if (answer.status === 403 || answer.status === 404) location.reload();
      else {
        find("progress-message").textContent = "The hub cannot be reached. Trying again …";
        setTimeout(() => { find("progress-log").replaceChildren(); listen(); }, Math.min(1000 * tries, 10000));
      }
    };
  }

  stop.addEventListener("click", async () => {
    const line = find("stop-server-status");
    stop.disabled = true;
    line.textContent = "Cancelling …";
    let answer = await call("DELETE", place.dataset.serverUrl, {});
    if (answer.status === 202) answer = await settled(place.dataset.serverUrl, 60);
    if (answer.ok || answer.status === 404) {
      ended = true;
      location.assign(place.dataset.home);
    } else {
      line.textContent = describe(answer);
      stop.disabled = false;
    }
  });

  listen();
}

async function watchStop(place) {
  await settled(place.dataset.serverUrl, 600);
  location.replace(place.dataset.after);
}

const starting = find("pending");
const stopping = find("stopping");
if (starting) watchStart(starting);
if (stopping) watchStop(stopping);
