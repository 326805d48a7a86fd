"""Cost of the regular checks of a HAProxy when nothing has changed."""

import asyncio
from collections import Counter

import pytest

from plughub.testing.backends import backend, open_websocket
from plughub.testing.contracts.proxy import NAME
from plughub_haproxy import stalled_streams
from plughub_haproxy.proxy import CHECKS_BETWEEN_UPKEEPS
from plughub_haproxy.runtime_socket import RuntimeSocket
from plughub_haproxy.stalled_streams import CHECKS_BETWEEN_SWEEPS

CHECKS = min(CHECKS_BETWEEN_SWEEPS, CHECKS_BETWEEN_UPKEEPS) - 1
WEBSOCKETS = 3 * CHECKS_BETWEEN_SWEEPS


@pytest.fixture
def counted(monkeypatch):
    """Count the queries to HAProxy and the calls in threads."""
    queries, threads = Counter(), Counter()
    read, to_thread = RuntimeSocket.read, asyncio.to_thread

    async def counted_read(self, command):
        queries[" ".join(command.split()[:2])] += 1
        return await read(self, command)

    async def counted_thread(work, *args):
        threads[work.__name__] += 1
        return await to_thread(work, *args)

    monkeypatch.setattr(RuntimeSocket, "read", counted_read)
    monkeypatch.setattr(asyncio, "to_thread", counted_thread)
    return queries, threads


async def test_a_check_takes_one_query_and_no_thread(start, counted):
    proxy = await start()
    await proxy.add("/a/", "http://127.0.0.1:9")
    await proxy.hooks.routes(NAME)
    queries, threads = counted
    for counter in counted:
        counter.clear()
    for _ in range(CHECKS):
        assert await proxy.hooks.proxy_poll(NAME) is None
        assert [route.routespec for route in await proxy.hooks.routes(NAME, activity=False)] == ["/a/"]
    assert queries == {"show map": CHECKS}
    assert threads == {}
    await proxy.hooks.routes(NAME)
    assert queries == {"show map": CHECKS + 1, "show table": 1, "show proc;quit": 1}


async def test_the_more_websockets_are_open_the_less_often_they_are_listed(start, counted, monkeypatch):
    monkeypatch.setattr(stalled_streams, "STREAMS_PER_CHECK", 1)
    queries, _ = counted
    proxy = await start()

    async def listed(checks):
        queries.clear()
        for _ in range(checks):
            assert await proxy.poll() is None
        return queries["show sess"]

    async with backend("alice") as alice:
        await proxy.add("/", alice.url)
        assert await listed(2 * CHECKS_BETWEEN_SWEEPS) == 2
        opened = [await open_websocket(proxy.port, "/ws") for _ in range(WEBSOCKETS)]
        assert await listed(CHECKS_BETWEEN_SWEEPS) == 1
        assert await listed(WEBSOCKETS - 1) == 0
        assert await listed(CHECKS_BETWEEN_SWEEPS) == 1
        for _, writer in opened:
            writer.close()
