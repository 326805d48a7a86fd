// API calls from the hub's own pages.
import { _ } from "./words.js";

/**
 * Call the API and return {status, ok, model}; a network failure has status 0. If the user has to confirm their
 * identity first, the browser opens the confirmation page, which leads back to the address `back`.
 */
export async function call(method, url, body, back = location.pathname + location.search) {
  const headers = { "X-XSRFToken": window.jhdata.xsrf_token };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    let model = {};
    try { model = text ? JSON.parse(text) : {}; } catch { model = {}; }
    if (model.confirm_url) {
      location.assign(`${model.confirm_url}?next=${encodeURIComponent(back)}`);
    }
    return { status: answer.status, ok: answer.ok, model };
  } catch {
    return { status: 0, ok: false, model: { message: _("The hub cannot be reached. Check your network connection.") } };
  }
}

/** Describe an error, with advice for an expired login. */
export function describe(answer) {
  const message = answer.model.message || _("Error {status}", { status: answer.status });
  if (answer.status === 403) return `${message} ${_("Reload this page; you may have to log in again.")}`;
  const { reference } = answer.model;
  return reference ? `${message} ${_("Administrators of this hub find details in the log by reference {reference}.", { reference })}` : message;
}

/** Poll once a second until a server is neither starting nor stopping, for at most `seconds`. */
export async function settled(url, seconds) {
  const until = Date.now() + 1000 * seconds;
  for (;;) {
    const answer = await call("GET", url);
    if (answer.status === 404 || (answer.ok && !answer.model.pending)) return answer;
    if (Date.now() > until) return answer;
    await new Promise((resume) => setTimeout(resume, 1000));
  }
}
