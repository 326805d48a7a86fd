"""Pages that update themselves, in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright
from tornado.netutil import bind_sockets

from plughub import hookimpl
from plughub.domain.clock import isoformat, utcnow
from plughub.kinds import Endpoint, Server, Usage
from plughub.testing.conditions import until
from plughub.testing.doubles import TinyServers
from plughub.testing.steady_chromium import steady_chromium
from plughub.web.listener import HubServer

SOON = 5000
"""Milliseconds until a change shows: half a second for the change feed and as much for the page, on a machine
that runs other tests as well. Nothing but the stream loads these pages again."""
pytestmark = pytest.mark.browser


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    failures: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=steady_chromium(), args=["--no-sandbox"])
        context = await browser.new_context()
        context.on("weberror", lambda error: failures.append(str(error.error)))
        yield context
        assert not failures
        await browser.close()


@pytest.fixture
async def hub(make_hub):
    return await make_hub(allow_named_servers=True)


async def opened(context, hub, path="/hub/home", name="alice") -> Page:
    page = await context.new_page()
    await page.goto(f"{hub.address}/hub/login?next={path}")
    if await page.locator("#username_input").count():
        await page.fill("#username_input", name)
        await page.fill("#password_input", hub.users.passwords[name])
        await page.click("#login_submit")
    await page.wait_for_url(f"**{path}")
    return page


async def connected(hub, streams=1):
    async def are_open():
        return len(hub.live_updates) == streams

    await until(are_open, seconds=10)


async def text(page, words, timeout=10000):
    await page.wait_for_function(
        "words => document.querySelector('main').innerText.includes(words)", arg=words, timeout=timeout
    )


async def test_home_shows_changes_made_elsewhere_and_keeps_focus_and_typed_text(hub, context):
    user = await hub.user()
    await hub.store.write(lambda tx: tx.servers.create(user.id, "lab"))
    page = await opened(context, hub)
    await connected(hub)
    await page.fill("#new-server-name", "half-typed")
    await page.evaluate("() => { window.marked = document.querySelector('#new-server-name'); }")
    program = await hub.program("alice")
    await program.post("/hub/api/users/alice/server")
    await text(page, "running", timeout=SOON)
    assert await page.input_value("#new-server-name") == "half-typed"
    assert await page.evaluate("document.activeElement === window.marked && window.marked.isConnected")
    await page.focus("#stop")
    await program.delete("/hub/api/users/alice/server")
    await page.wait_for_selector("#start", timeout=SOON)
    assert await page.evaluate("document.activeElement.id") == "start", "the button that replaced it"
    lab = await hub.servers.get("alice", "lab")
    await hub.named_servers.set_display_name(lab, "Laboratory")
    await text(page, "Laboratory", timeout=SOON)
    admin = await hub.admin()
    announced = await admin.ask("PUT", "/hub/api/announcement", model={"message": "Closed at six"})
    assert announced.code < 300, announced.body
    await page.wait_for_selector("#hub-announcement", timeout=SOON)


async def test_tabs_share_one_stream_and_the_next_takes_over(hub, context):
    first = await opened(context, hub)
    second = await opened(context, hub)
    await connected(hub)
    program = await hub.program("alice")
    await program.post("/hub/api/users/alice/server")
    for page in (second, first):
        await page.bring_to_front()
        await text(page, "running")
    assert len(hub.live_updates) == 1
    await first.close()
    await connected(hub)
    await program.delete("/hub/api/users/alice/server")
    await second.bring_to_front()
    await text(second, "stopped")


async def test_updates_resume_after_the_hub_was_away(hub, context):
    page = await opened(context, hub)
    await connected(hub)
    hub.server.stop()
    await hub.server.close_all_connections()
    hub.live_updates.close()
    await page.wait_for_function("() => document.querySelector('#live-status').innerText", timeout=15000)
    hub.live_updates.is_closed = False
    hub.live_updates._complete_since += 1000  # as in a new process
    await hub.running("alice")
    hub.server = HubServer(hub.application)
    hub.server.add_sockets(bind_sockets(int(hub.address.rpartition(":")[2]), "127.0.0.1"))
    await text(page, "running", timeout=20000)
    await page.wait_for_function("() => !document.querySelector('#live-status').innerText")
    await connected(hub)


async def test_the_end_of_a_session_leads_to_the_login_page(hub, context):
    page = await opened(context, hub)
    await connected(hub)
    user = await hub.user()
    (session,) = await hub.sessions.of_user(user)
    await hub.store.write(lambda tx: tx.sessions.end([session.id]))
    await page.wait_for_url("**/hub/login**")


class Measured(TinyServers):
    """Spawner that measures its servers."""

    @hookimpl
    def hub_usage(self, server: Server) -> Usage:
        return Usage(cpu=0.5, cpu_limit=2, memory=3 * 2**30, memory_limit=4 * 2**30)


async def test_a_card_shows_what_a_server_uses_and_restarts_renames_and_deletes_it(make_hub, context):
    measured = Measured()
    hub = await make_hub(allow_named_servers=True, spawners={"measured": measured})
    user = await hub.user()
    await hub.store.write(lambda tx: tx.servers.create(user.id, "lab"))
    started = await hub.servers.start(user, "", backend="measured", options={"size": "big"})
    await hub.servers.wait(started, 20)
    page = await opened(context, hub)
    mine, lab = (page.locator(f"[data-server-name='{name}']") for name in ("", "lab"))
    await text(page, "0.5 of 2 cores")
    await text(page, "3 of 4 GiB")
    assert await mine.locator("code").inner_text() == f"{hub.address}/user/alice/"
    await mine.get_by_role("button", name="Restart").click()
    await page.locator("dialog .main").click()

    async def is_restarted():
        return len(measured.started) == 2 and (await hub.servers.get("alice", "")).ready

    await until(is_restarted, seconds=20)
    assert measured.started[1].options == {"size": "big"}, "with backend and options of the last start"
    await lab.get_by_role("button", name="Rename").click()
    await page.locator("dialog input").fill("Laboratory <b>")
    await page.keyboard.press("Enter")
    await text(page, "Laboratory <b>")
    await lab.get_by_role("button", name="Delete").click()
    await page.keyboard.press("Escape")
    assert await page.evaluate("() => document.activeElement.id") == "delete-lab"
    await lab.get_by_role("button", name="Delete").click()
    await page.locator("dialog .danger").click()
    await lab.wait_for(state="detached")


async def test_changes_by_another_hub_process_show_without_a_reload(make_hub, context, db_url):
    one, two = await make_hub(url=db_url), await make_hub(url=db_url, hub_id="another")
    polling = asyncio.create_task(one.hub_registry.poll_changes())
    try:
        page = await opened(context, one)
        await connected(one)
        await two.running("alice")
        await text(page, "running", timeout=SOON)
    finally:
        polling.cancel()


class Limited(TinyServers):
    """Spawner whose servers have a time limit."""

    @hookimpl
    async def hub_spawn(self, server: Server) -> Endpoint:
        return replace(await super().hub_spawn(server), ends_in=7200.0)


async def test_a_planned_stop_is_shown_with_a_warning_when_it_is_near(make_hub, context):
    hub = await make_hub(spawners={"limited": Limited()})
    user = await hub.user()
    record = await hub.servers.start(user, "", backend="limited")
    await hub.servers.wait(record, 20)
    page = await opened(context, hub)
    await connected(hub)
    await text(page, "in 2 hours")
    culler = await hub.holder("culler", "delete:servers", "read:servers")
    url = "/hub/api/users/alice/server/announced-stop"
    soon = isoformat(utcnow() + timedelta(seconds=630))
    assert (await culler.ask("PUT", url, model={"at": soon, "reason": "idle <b>"})).code == 204
    await text(page, "Reason: idle <b>", timeout=SOON)
    await text(page, "in 10 minutes")
    assert (await culler.delete(url)).code == 204
    await page.wait_for_function("() => !document.body.innerText.includes('Reason')")


async def test_the_list_of_an_administrator_shows_changes_and_keeps_what_is_selected(
    make_hub, context, db_url
):
    hub, other = await make_hub(url=db_url), await make_hub(url=db_url, hub_id="another")
    for name in ("alice", "bob"):
        await hub.user(name)
    polling = asyncio.create_task(hub.hub_registry.poll_changes())
    try:
        page = await opened(context, hub, "/hub/admin/servers?state=", name="root")
        await connected(hub)
        bob = page.locator("tr", has_text="bob")
        await bob.locator("[data-select]").check()
        await other.running("alice")
        await page.locator("tr", has_text="alice").get_by_text("running").wait_for(timeout=SOON)
        assert await bob.locator("[data-select]").is_checked()
    finally:
        polling.cancel()
