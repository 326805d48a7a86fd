// Times relative to now. Unlike hub.js, this module may be imported anywhere.
import { _, language } from "./words.js";

/** Format a time relative to now, such as "5 minutes ago". */
export function ago(date) {
  const words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const seconds = (date - Date.now()) / 1000;
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= length) return words.format(Math.round(seconds / length), unit);
  }
  return seconds > 0 ? _("in a moment") : _("just now");
}

/** Show the times in a part of the page relative to now. */
export function showTimes(part = document) {
  for (const time of part.querySelectorAll("time[data-ago]")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.valueOf())) continue;
    const text = ago(date);
    if (time.textContent !== text) time.textContent = text;
    time.title = date.toLocaleString(language);
  }
}
