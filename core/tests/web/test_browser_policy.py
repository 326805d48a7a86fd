"""Content security policy, dialogs and languages of pages in a real browser."""

from __future__ import annotations

import pytest

from plughub.kinds import LoginMethod

pytestmark = pytest.mark.browser
FORM = """<label for="size">Size</label><input id="size" name="size" onchange="window.changed = this.value">
<script>window.formScript = "ran";</script>"""
MORE = """{% extends "templates/page.html" %}{% block footer %}
<script>window.custom = "ran: <script>"; window.baseUrl = window.jhdata.base_url;</script>{% endblock %}"""
ASK = """async () => {
  const { ask } = await import("/hub/static/js/dialog.js");
  window.answer = "open";
  ask({ title: "Rename?", text: "<b>text</b>", confirm: "Rename", fields: [{ name: "to", label: "New name", required: true }] })
    .then((answer) => { window.answer = answer; });
}"""


async def log_in(page, hub, then):
    await page.goto(f"{hub.address}/hub/login?next={then}")
    await page.fill("#username_input", "alice")
    await page.fill("#password_input", hub.users.passwords["alice"])
    await page.click("#login_submit")
    await page.wait_for_url(f"**{then}")


async def test_scripts_of_templates_and_forms_run_and_no_others(make_hub, page, tmp_path):
    (tmp_path / "page.html").write_text(MORE)
    hub = await make_hub(context={"template_folders": (tmp_path,)})
    hub.tiny.form = FORM
    await log_in(page, hub, "/hub/spawn")
    assert await page.evaluate("[window.formScript, window.custom, window.baseUrl]") == [
        "ran", "ran: <script>", "/hub/",
    ]  # fmt: skip
    await page.fill("#size", "3")
    await page.press("#size", "Tab")
    assert await page.evaluate("window.changed") == "3"
    assert not page.failures
    await page.evaluate("""() => {
      document.body.insertAdjacentHTML("beforeend", `<img src="/nothing" onerror="window.evil = 1">
        <a id="evil" href="javascript:window.evil = 2">x</a>`);
      document.write('<script src="/user/mallory/files/evil.js"><' + '/script><script>window.evil = 3<' + '/script>');
    }""")
    assert await page.evaluate("window.evil ?? 0") == 0
    assert len(page.failures) >= 2
    page.failures.clear()


async def test_dialog_takes_keys_and_returns_the_focus(hub, page):
    await log_in(page, hub, "/hub/home")
    await page.focus("#start")
    await page.evaluate(ASK)
    assert await page.locator("dialog p").first.inner_text() == "<b>text</b>"
    assert await page.evaluate("document.activeElement.name") == "to"
    await page.keyboard.press("Enter")  # refused: the field is required
    assert await page.evaluate("window.answer") == "open"
    await page.keyboard.type("lab")
    await page.keyboard.press("Enter")
    await page.wait_for_function("window.answer?.to === 'lab'")
    assert await page.evaluate("document.activeElement.id") == "start"
    await page.evaluate(ASK)
    await page.keyboard.press("Escape")
    await page.wait_for_function("window.answer === null")
    assert await page.evaluate("document.activeElement.id") == "start"
    assert await page.locator("dialog").count() == 0


async def test_login_form_of_plugin_has_scripts(make_hub, page):
    method = LoginMethod(html="<script>window.own = 1</script>")
    hub = await make_hub(context={"login_methods": {"known": method}})
    await page.goto(f"{hub.address}/hub/login")
    assert await page.evaluate("window.own") == 1
