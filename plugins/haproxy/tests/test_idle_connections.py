"""Number of idle connections that remain when the clients are gone."""

import asyncio
import itertools

import psutil
import pytest

from plughub.domain.routes import Route
from plughub.testing.backends import Backend, ask, backend, raw_server
from plughub.testing.conditions import until
from plughub.testing.contracts.proxy import NAME
from plughub_haproxy.configuration import IDLE_CONNECTIONS

CLIENTS = 2 * IDLE_CONNECTIONS
AT_ONCE = 8
"""Each thread of HAProxy may keep one more connection, because the threads count concurrently."""


def open_to(backend: Backend) -> int:
    """Count the connections that a backend in this process has."""
    connections = psutil.Process().net_connections("tcp")
    return sum(
        each.laddr.port == backend.port and each.status == psutil.CONN_ESTABLISHED for each in connections
    )


@pytest.mark.parametrize("targets", [1, 2])
async def test_few_connections_remain_after_clients_have_left(start, targets):
    async with backend("first") as first, backend("second") as second:
        hubs = [first, second][:targets]
        proxy = await start()
        more = tuple(hub.url for hub in hubs[1:])
        await proxy.hooks.route_add(NAME, Route(routespec="/", target=first.url, more_targets=more))
        replies = await asyncio.gather(*(ask(proxy.port, "/") for _ in range(CLIENTS * targets)))
        assert {reply.status for reply in replies} == {200}

        async def are_few() -> bool:
            return all(open_to(hub) <= IDLE_CONNECTIONS + AT_ONCE for hub in hubs)

        await until(are_few, seconds=3)


@pytest.fixture
def seen():
    """Requests that arrived at a server, each with the number of its connection."""
    return []


@pytest.fixture
async def counting(seen):
    """A server that keeps connections, and breaks off without an answer at paths that contain "off"."""
    connections = itertools.count()

    async def serve(reader, writer):
        number = next(connections)
        while head := await reader.readuntil(b"\r\n\r\n"):
            seen.append((number, head.split()[0].decode()))
            if b"off" in head.split()[1]:
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with raw_server(serve) as url:
        yield url


async def statuses(port, *lines):
    """Send requests on one connection, and return the statuses of the answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = []
    for line in lines:
        length = "Content-Length: 0\r\n" if line.startswith("POST") else ""
        writer.write(f"{line} HTTP/1.1\r\nHost: x\r\n{length}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        found.append(int(head.split()[1]))
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
    writer.close()
    return found


async def test_requests_that_may_be_repeated_share_a_connection_to_a_server(start, counting, seen):
    proxy = await start()
    await proxy.add("/user/ada/", counting)
    get, post = "GET /user/ada/x", "POST /user/ada/x"
    assert await statuses(proxy.port, get, get, post, post, get) == [200] * 5
    connections = [number for number, _ in seen]
    assert connections[0] == connections[1] == connections[4]
    assert len(set(connections)) == 3


async def test_an_unanswered_get_is_sent_once_more_and_other_methods_are_not(start, counting, seen):
    proxy = await start()
    await proxy.add("/user/ada/", counting)
    assert await statuses(proxy.port, "GET /user/ada/off") == [502]
    assert [method for _, method in seen] == ["GET", "GET"]
    for method in ("POST", "MKCOL"):
        seen.clear()
        assert await statuses(proxy.port, f"{method} /user/ada/off") == [502]
        assert [found for _, found in seen] == [method]
