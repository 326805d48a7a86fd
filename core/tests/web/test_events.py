"""The stream of live updates, as browsers and programs read it."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from plughub.services.coordination.live_updates import MAX_PER_OWNER

EVENTS = "/hub/api/events"


class Stream:
    """Open stream of events."""

    def __init__(self, client, query="", headers=None):
        self.events: asyncio.Queue = asyncio.Queue()
        self._rest = b""
        self.request = asyncio.ensure_future(
            client.get(f"{EVENTS}{query}", chunks=self._read, headers=headers)
        )

    def _read(self, chunk):
        *parts, self._rest = (self._rest + chunk).split(b"\n\n")
        for part in parts:
            if part.startswith(b"data: "):
                self.events.put_nowait(json.loads(part[6:]))

    async def next(self):
        return set((await asyncio.wait_for(self.events.get(), 10))["topics"])

    async def heard(self, topic):
        """Read events until one has a topic: administrators also learn of tokens and of the audit trail."""
        while topic not in await self.next():
            pass


@pytest.fixture
async def opened(hub):
    opened = []

    async def open_stream(client, query="", **more):
        stream = Stream(client, query, **more)
        opened.append(stream)
        assert await stream.next() is not None
        return stream

    yield open_stream
    hub.live_updates.close()
    await asyncio.gather(*(stream.request for stream in opened))


def as_page(browser):
    return {
        "headers": {"X-XSRFToken": browser.xsrf, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    }


async def test_users_learn_of_their_own_servers_and_administrators_of_all(hub, opened):
    alice, bob = await hub.logged_in("alice"), await hub.logged_in("bob")
    admin, program = await hub.admin(), await hub.program("alice")
    streams = [await opened(alice, **as_page(alice)), await opened(bob, **as_page(bob)), await opened(admin)]
    begun = time.monotonic()
    await program.post("/hub/api/users/alice/server")
    assert await streams[0].next() == {"server"}
    assert time.monotonic() - begun < 1
    await streams[2].heard("server")
    assert streams[1].events.empty()


async def test_a_stream_needs_a_scope_a_token_and_room(hub, opened):
    alice = await hub.logged_in("alice")
    forged = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}
    assert (await alice.get(EVENTS, headers=forged)).code == 403
    assert (await hub.browser().get(EVENTS)).code == 403
    assert (await (await hub.program("bob", "(no_scope)")).get(EVENTS)).code == 403
    for _ in range(MAX_PER_OWNER // 10):
        program = await hub.program("alice")  # a client with ten connections
        for _ in range(10):
            await opened(program)
    refused = await alice.get(EVENTS, **as_page(alice))
    assert (refused.code, refused.headers["Retry-After"]) == (429, "60")


async def test_a_stream_ends_with_its_session_and_reports_new_permissions(hub, opened):
    alice = await hub.logged_in("alice")
    stream = await opened(alice, **as_page(alice))
    user = await hub.user("alice")
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, admin=True))
    assert await stream.next() == {"*"}
    bob = await hub.user("bob")
    await hub.store.write(lambda tx: tx.servers.create(bob.id, "lab"))
    await stream.heard("server")  # an administrator may read it
    (session,) = await hub.sessions.of_user(user)
    await hub.store.write(lambda tx: tx.sessions.end([session.id]))
    assert (await asyncio.wait_for(stream.request, 10)).code == 200
    assert not len(hub.live_updates)


async def test_a_resumed_stream_begins_with_what_it_missed(hub, opened):
    program = await hub.program("alice")
    hub.live_updates._complete_since -= 1000
    hub.live_updates._recent.clear()
    assert await Stream(program, f"?since={time.time() - 100}&once=1").next() == set()
    user = await hub.user("alice")
    await hub.store.write(lambda tx: tx.servers.create(user.id, "lab"))
    assert "server" in await Stream(program, f"?since={time.time()}&once=1").next()
    assert await Stream(program, "?since=1&once=1").next() == {"*"}
    for odd in ("x", "nan", "1e999"):
        assert (await program.get(f"{EVENTS}?since={odd}&once=1")).code == 400


async def test_a_page_that_updates_itself_is_no_activity(hub):
    alice = await hub.logged_in("alice")
    await hub.running("alice")
    seen = []
    hub.services.activity.record_user = lambda *_: seen.append(1)
    page = await alice.get("/hub/home", headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"})
    assert page.code == 200
    assert b'data-live="server' in page.body
    assert not seen
    await alice.get("/hub/home", headers={"Sec-Fetch-Mode": "navigate"})
    assert seen
