"""What a look at HAProxy costs that finds all as it should be."""

import asyncio
from collections import Counter

import pytest

from plughub.testing.contracts.proxy import NAME
from plughub_haproxy.proxy import LOOKS_BETWEEN_SWEEPS
from plughub_haproxy.runtime_socket import RuntimeSocket

LOOKS = LOOKS_BETWEEN_SWEEPS - 1


@pytest.fixture
def counted(monkeypatch):
    """Counts what is asked of HAProxy, and what is done in threads."""
    asked, threads = Counter(), Counter()
    ask, to_thread = RuntimeSocket.ask, asyncio.to_thread

    async def counted_ask(self, command):
        asked[" ".join(command.split()[:2])] += 1
        return await ask(self, command)

    async def counted_thread(work, *args):
        threads[work.__name__] += 1
        return await to_thread(work, *args)

    monkeypatch.setattr(RuntimeSocket, "ask", counted_ask)
    monkeypatch.setattr(asyncio, "to_thread", counted_thread)
    return asked, threads


async def test_a_look_asks_haproxy_one_thing_and_needs_no_thread(start, counted):
    proxy = await start()
    await proxy.add("/a/", "http://127.0.0.1:9")
    await proxy.hooks.routes(NAME)
    asked, threads = counted
    for counter in counted:
        counter.clear()
    for _ in range(LOOKS):
        assert await proxy.hooks.proxy_poll(NAME) is None
        assert [route.routespec for route in await proxy.hooks.routes(NAME, activity=False)] == ["/a/"]
    assert asked == {"show map": LOOKS}
    assert threads == {}
    await proxy.hooks.routes(NAME)
    assert asked == {"show map": LOOKS + 1, "show table": 1, "show proc;quit": 1}
