"""Limits for one client address at a real HAProxy, and delivery of slow requests to the hub."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack

import pytest

from plughub.domain.routes import Route
from plughub.testing.backends import ask
from plughub.testing.conditions import until
from plughub.testing.http2 import http2
from plughub_haproxy.binary import find_haproxy
from plughub_haproxy.configuration import SOCKET_NAME
from plughub_haproxy.proxy import CHECKS_BETWEEN_UPKEEPS
from plughub_haproxy.runtime_socket import RuntimeSocket

SLOW = b"POST /hub/login HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\na"

FILES = 500


class HubDouble:
    """Answers every request when its body is complete, and records those whose headers arrived.

    The proxy checks its health with HEAD at any time; these requests are not recorded.
    """

    def __init__(self):
        self.came = []

    async def serve(self, reader, writer):
        async with AsyncExitStack() as stack:
            stack.callback(writer.close)
            head = await reader.readuntil(b"\r\n\r\n")
            method = head.split()[0].decode()
            self.came += [method] if method != "HEAD" else []
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()


@pytest.fixture
async def hub():
    hub = HubDouble()
    server = await asyncio.start_server(hub.serve, "127.0.0.1", 0)
    async with server:
        hub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
        yield hub


async def sends(stack, port, data):
    """Open a connection, send a text, and return the reader."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    stack.callback(writer.close)
    writer.write(data)
    await writer.drain()
    return reader, writer


async def status_of(reader):
    async with asyncio.timeout(20):
        return int((await reader.readline()).split()[1])


async def looks_at_home(stack, port):
    reader, _ = await sends(stack, port, b"GET /hub/home HTTP/1.1\r\nHost: x\r\n\r\n")
    return await status_of(reader)


async def test_a_slow_body_waits_in_the_proxy_and_a_complete_one_reaches_the_hub(start, hub):
    proxy = await start()
    await proxy.replace(Route(routespec="/", target=hub.url, data={"hub": True}))
    async with AsyncExitStack() as stack:
        for _ in range(20):
            await sends(stack, proxy.port, SLOW)
        reader, writer = await sends(stack, proxy.port, SLOW)
        assert (await ask(proxy.port, "/hub/login")).status == 200
        assert "POST" not in hub.came
        writer.write(b"a" * 59999)
        assert await status_of(reader) == 200
    assert hub.came.count("POST") == 1


async def test_a_long_body_and_one_with_expect_continue_reach_the_hub(start, hub):
    proxy = await start()
    await proxy.replace(Route(routespec="/", target=hub.url, data={"hub": True}))
    assert (await ask(proxy.port, "/hub/spawn", method="POST", body=b"x" * 2_000_000)).status == 200
    async with AsyncExitStack() as stack:
        asks = SLOW.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue")[:-1]
        reader, writer = await sends(stack, proxy.port, asks)
        assert await status_of(reader) == 100
        await reader.readline()
        writer.write(b"a" * 60000)
        assert await status_of(reader) == 200


async def test_requests_with_a_body_are_bounded_by_address_and_nothing_else_is(start, hub, tmp_path):
    proxy = await start(folder=tmp_path / "ha", traits={"requests_per_address": 5})
    runtime = RuntimeSocket(tmp_path / "ha" / SOCKET_NAME)

    async def five_are_under_way():
        return "conn_cur=5" in await runtime.query("show table requests")

    alice = Route(routespec="/user/alice/", target=hub.url)
    await proxy.replace(Route(routespec="/", target=hub.url, data={"hub": True}), alice)
    async with AsyncExitStack() as stack:
        slow = [await sends(stack, proxy.port, SLOW) for _ in range(5)]
        await until(five_are_under_way)
        reader, refused = await sends(stack, proxy.port, SLOW)
        assert await status_of(reader) == 429
        refused.close()
        assert (await ask(proxy.port, "/hub/home")).status == 200
        assert (await ask(proxy.port, "/user/alice/api", method="POST", body=b"x")).status == 200
        slow[0][1].write(b"a" * 59999)
        assert await status_of(slow[0][0]) == 200

        async def is_taken():
            return (await ask(proxy.port, "/hub/login", method="POST", body=b"x")).status == 200

        await until(is_taken)


async def test_a_body_over_http2_without_length_counts_as_one(start, hub, certificate, tmp_path):
    cert, key = certificate
    methods = ("POST", "PUT", "PATCH", "DELETE")
    proxy = await start(
        folder=tmp_path / "ha",
        traits={"requests_per_address": len(methods)},
        ssl_cert=str(cert),
        ssl_key=str(key),
    )
    runtime = RuntimeSocket(tmp_path / "ha" / SOCKET_NAME)

    async def all_are_under_way():
        return f"conn_cur={len(methods)}" in await runtime.query("show table requests")

    await proxy.replace(Route(routespec="/", target=hub.url, data={"hub": True}))
    async with http2(proxy.port) as client:
        for method in methods:
            assert (await client.request(method, "/hub/empty")).status == 200
        hub.came.clear()
        slow = [
            asyncio.create_task(client.request(method, "/hub/login", body=b"a", ends=False))
            for method in methods
        ]
        await until(all_are_under_way)
        assert (await client.request("POST", "/hub/login", body=b"a")).status == 429
        assert (await client.request("GET", "/hub/home")).status == 200
        assert hub.came == ["GET"]
        for task in slow:
            task.cancel()


async def test_a_body_of_a_method_without_bodies_waits_in_the_proxy_too(start, hub, certificate):
    cert, key = certificate
    proxy = await start(ssl_cert=str(cert), ssl_key=str(key))
    await proxy.replace(Route(routespec="/", target=hub.url, data={"hub": True}))
    async with http2(proxy.port) as client:
        slow = asyncio.create_task(client.request("GET", "/hub/slow", body=b"a", ends=False))

        async def has_been_sent():
            return client.sent

        await until(has_been_sent)
        assert (await client.request("OPTIONS", "/hub/home")).status == 200
        assert hub.came == ["OPTIONS"]
        slow.cancel()


async def test_connections_are_bounded_by_address_but_not_those_of_trusted_proxies(start, hub):
    proxy = await start(traits={"connections_per_address": 5})
    await proxy.replace(Route(routespec="/", target=hub.url, data={"hub": True}))
    async with AsyncExitStack() as stack:
        for _ in range(5):
            assert await looks_at_home(stack, proxy.port) == 200
        with pytest.raises((ConnectionError, IndexError)):
            await looks_at_home(stack, proxy.port)
    trusted = await start(
        traits={"connections_per_address": 5, "requests_per_address": 1},
        trusted_downstream_ips=("127.0.0.1",),
    )
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await sends(stack, trusted.port, SLOW)
        assert (await ask(trusted.port, "/hub/login", method="POST", body=b"x")).status == 200


async def test_with_ipv6_all_addresses_of_a_network_count_as_one(start, hub, tmp_path):
    proxy = await start(
        folder=tmp_path / "ha", ip="::1", traits={"connections_per_address": 5, "requests_per_address": 5}
    )
    await proxy.replace(Route(routespec="/", target=hub.url, data={"hub": True}))
    runtime = RuntimeSocket(tmp_path / "ha" / SOCKET_NAME)
    async with AsyncExitStack() as stack:
        _, writer = await asyncio.open_connection("::1", proxy.port)
        stack.callback(writer.close)
        writer.write(SLOW)
        for table in ("connections", "requests"):

            async def the_network_has_one(table=table):
                return re.search(r"key=:: .*conn_cur=1", await runtime.query(f"show table {table}"))

            await until(the_network_has_one)


async def test_running_out_of_connections_is_logged_once(start, hub, caplog):
    command = ["prlimit", f"--nofile={FILES}:{FILES}", *find_haproxy([])]
    proxy = await start(traits={"command": command})
    await proxy.replace(Route(routespec="/", target=hub.url, data={"hub": True}))

    async def sweep():
        for _ in range(CHECKS_BETWEEN_UPKEEPS):
            assert await proxy.poll() is None
        return [record for record in caplog.records if "wait without an answer" in record.getMessage()]

    assert await sweep() == []
    async with AsyncExitStack() as stack:
        for _ in range(FILES // 2):
            await sends(stack, proxy.port, b"GET ")
        (warning,) = await until(sweep)
        assert await sweep() == [warning]
    current, maximum = warning.args
    assert current <= maximum < FILES // 2
