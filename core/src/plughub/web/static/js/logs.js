// Page with the log of a server: follow, filter and wrap its lines.
import "./live.js";
import { filterLog, followLog } from "./log_stream.js";
import { _n } from "./words.js";

const find = (id) => document.getElementById(id);
const element = find("log");

const log = followLog(element, {
  changed: (current) => {
    find("log-empty").hidden = current.lines().length > 0;
    if (current.filter) count();
  },
  problem: (text) => {
    find("log-problem").hidden = !text;
    find("log-problem").textContent = text;
  },
});

function count() {
  const shown = filterLog(log, find("log-filter").value.trim());
  const isFiltered = Boolean(log.filter);
  find("log-count").textContent = isFiltered ? _n("{n} line", "{n} lines", shown) : "";
}

find("log-tools").hidden = false;
find("log-filter").addEventListener("input", () => {
  count();
  if (log.follow) log.scroll();
});
find("log-wrap").addEventListener("change", (event) => element.classList.toggle("no-wrap", !event.target.checked));
find("log-follow").addEventListener("change", (event) => {
  log.follow = event.target.checked;
  if (log.follow) log.scroll();
});
log.scroll();
