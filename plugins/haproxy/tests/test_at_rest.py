"""Cost of the regular checks of a HAProxy when nothing has changed."""

import asyncio
from collections import Counter

import pytest

from plughub.testing.contracts.proxy import NAME
from plughub_haproxy.proxy import CHECKS_BETWEEN_SWEEPS
from plughub_haproxy.runtime_socket import RuntimeSocket

CHECKS = CHECKS_BETWEEN_SWEEPS - 1


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
