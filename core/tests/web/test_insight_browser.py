"""Pages of the console that report on the hub, in a real browser."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import pytest

from plughub.domain.usage import Outcome, RunStart

pytestmark = pytest.mark.browser


async def log_in(page, hub, path, name="root"):
    await page.goto(f"{hub.address}/hub/login?next=/hub/{path}")
    await page.fill("#username_input", name)
    await page.fill("#password_input", hub.users.passwords[name])
    await page.click("#login_submit")
    await page.wait_for_url(f"**/hub/{path}")


async def test_an_announcement_reaches_open_pages_and_is_removed_by_keyboard(hub, page):
    await log_in(page, hub, "admin/announcement")
    other = await page.context.new_page()
    await other.goto(f"{hub.address}/hub/home")
    await page.focus("#message")
    await page.keyboard.type("Restart <b>at noon</b>")
    await page.select_option("#severity", "warning")
    await page.fill("#until", "2099-12-31T23:59")
    await page.focus("#announce")
    await page.keyboard.press("Enter")
    shown = page.locator("#hub-announcement.warn")
    await shown.wait_for()
    assert await shown.inner_text() == "Restart <b>at noon</b>"
    assert await page.input_value("#until") == "2099-12-31T23:59"
    await other.locator("#hub-announcement.warn").wait_for()
    await page.focus("#remove-announcement")
    await page.keyboard.press("Enter")
    await page.locator("dialog[open]").wait_for()
    await page.focus("dialog button.danger")
    await page.keyboard.press("Enter")
    await other.locator("#hub-announcement").wait_for(state="detached")
    await page.locator("#hub-announcement").wait_for(state="detached")


async def test_usage_of_a_period_is_summed_and_downloaded(hub, page):
    user = await hub.user("bob")

    def run(tx):
        start = RunStart(
            server_id=1, user_id=user.id, user="bob", server="", groups=("class",), backend="tiny"
        )
        tx.runs.begin(start)
        tx.runs.mark_ready(1)
        tx.runs.end(1, Outcome.STOPPED)

    await hub.store.write(run)
    await log_in(page, hub, "admin/usage")
    await page.select_option("#by", "group")
    await page.click("#show-usage")
    await page.locator("#usage th:text-is('class')").wait_for()
    async with page.expect_download() as waiting:
        await page.click("#runs-csv")
    download = await waiting.value
    assert download.suggested_filename.startswith("runs-")
    (row,) = csv.DictReader(io.StringIO(Path(await download.path()).read_text()))
    assert (row["user"], row["groups"], row["outcome"]) == ("bob", "class", "stopped")


async def test_a_problem_appears_on_the_open_health_page(hub, page):
    await hub.hub_registry.join()
    await hub.running("bob")
    await log_in(page, hub, "admin/health")
    server = await hub.servers.get("bob", "")
    await hub.store.write(lambda tx: tx.servers.set_unknown(server, "the engine does not answer"))
    begun = time.monotonic()
    await hub.monitor.run_once()
    await page.locator("#findings code:text-is('H010')").wait_for()
    assert time.monotonic() - begun < 10
