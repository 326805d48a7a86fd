"""Logs in a real browser: on the page of a start, and on a page of their own."""

import asyncio

import pytest

from plughub.web.api import logs as api

from .test_browser import log_in, text

pytestmark = pytest.mark.browser
LINES = "document.querySelector('#log').innerText"


@pytest.fixture
async def hub(make_hub, monkeypatch):
    monkeypatch.setattr(api, "LOG_TAIL_SECONDS", 0.05)
    hub = await make_hub(options={"slow_spawn_timeout": 0.05})
    hub.services.logs.tails.seconds = 0.02
    return hub


async def test_the_page_of_a_start_shows_what_the_server_writes_and_how_long_it_takes(hub, page):
    for _ in range(3):
        await hub.running()
        server = await hub.servers.get("alice", "")
        await hub.servers.wait(await hub.servers.stop(server), 20)
    hub.tiny.hold = asyncio.Event()
    await page.clock.install()
    await log_in(page, hub)
    await text(page, "This usually takes about a second.")
    await text(page, "Elapsed time: 0:0")
    assert await page.is_hidden("#server-log")

    hub.tiny.logs = ("[I] loading <b>extensions</b>",)
    await text(page, "[I] loading <b>extensions</b>")
    hub.tiny.logs += ("[E] no such kernel",)
    assert await page.inner_text("#log .bad") == "[E] no such kernel\n"
    await page.clock.fast_forward(60_000)
    await text(page, "This start takes longer than usual.")
    await text(page, "Elapsed time: 1:0")

    hub.tiny.hold.set()
    await text(page, "This is the server")


async def test_the_page_of_a_log_follows_filters_and_stays_when_the_server_stops(hub, page):
    hub.tiny.logs = tuple(f"[I] request {number}" for number in range(300))
    await hub.running()
    await log_in(page, hub, then="/hub/logs/alice")
    await page.wait_for_function(f"{LINES}.includes('request 299')")
    await page.wait_for_function("document.querySelector('#log').scrollTop > 0")  # the end is shown

    await page.get_by_label("Filter lines").fill("REQUEST 29")
    await text(page, "11 lines")
    hub.tiny.logs += ("[W] request 2999 is slow", "[I] other")
    await text(page, "12 lines")
    assert await page.evaluate(f"{LINES}.includes('other')") is False
    await page.get_by_label("Filter lines").fill("")

    await page.get_by_label("Follow").press("Space")
    await page.evaluate("document.querySelector('#log').scrollTop = 0")
    hub.tiny.logs += ("a new line",)
    await page.wait_for_function(f"{LINES}.includes('a new line')")
    assert await page.evaluate("document.querySelector('#log').scrollTop") == 0

    server = await hub.servers.get("alice", "")
    await hub.servers.stop(server)
    await text(page, "Start it to see what it writes.")
    assert "a new line" in await page.evaluate(LINES)
    assert not await page.get_by_label("Follow").is_checked()

    async with page.expect_download() as download:
        await page.click("#log-download")
    assert (await download.value).suggested_filename == "alice.log"


async def test_a_log_page_without_lines_says_so(hub, page):
    await log_in(page, hub, then="/hub/logs/alice")

    await text(page, "Nothing has been written yet")
    await text(page, "The server is not running.")
    await page.click("#log-start")
    await text(page, "This is the server")
