// Form of the announcement. Times are entered in the browser's time zone and sent in UTC.
import { call, describe } from "./api.js";
import { ask } from "./dialog.js";
import { _ } from "./words.js";

const find = (id) => document.getElementById(id);

function report(message, isError = false) {
  const line = find("report");
  line.textContent = message;
  line.classList.toggle("bad", isError);
}

/** Fill in the stored end in local time. */
function showEnd() {
  const input = find("until");
  if (!input?.dataset.utc) return;
  const end = new Date(input.dataset.utc);
  end.setMinutes(end.getMinutes() - end.getTimezoneOffset());
  input.value = end.toISOString().slice(0, 16);
}

async function send(method, body) {
  const form = find("announcement-form");
  const answer = await call(method, form.dataset.url, body);
  if (answer.ok) location.reload();
  else if (!answer.model.confirm_url) report(describe(answer), true);
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "announcement-form") return;
  event.preventDefault();
  const { message, severity, until } = Object.fromEntries(new FormData(event.target));
  send("PUT", { message, severity, until: until ? new Date(until).toISOString() : null });
});

document.addEventListener("click", async (event) => {
  if (!event.target.closest("[data-action=remove-announcement]")) return;
  const answer = await ask({
    title: _("Remove the announcement?"),
    text: _("It disappears from all pages."),
    confirm: _("Remove"),
    danger: true,
  });
  if (answer) send("DELETE");
});

showEnd();
