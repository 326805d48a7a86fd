"""The contract of a proxy's traffic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.websocket import websocket_connect

from plughub.kinds import ProxySettings
from plughub.testing.backends import Backend, ask, hang_up
from plughub.testing.conditions import until
from plughub.testing.contracts.proxy_under_test import Make, ProxyFixtures, ProxyUnderTest, running
from plughub.testing.ports import free_port
from plughub.web.forwarded_headers import apply_forwarded
from plughub.web.peers import TrustedPeers

ENDED_IN_FRONT: Final = tuple(
    {"X-Forwarded-For": "203.0.113.9", **forwarded}
    for forwarded in (
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Proto": "https, http"},
        {"X-Scheme": "https"},
        {"X-Scheme": "https", "X-Forwarded-Proto": "http"},
    )
)
"""Headers by which web servers in front report that browsers use TLS."""


class ProxyTrafficContract(ProxyFixtures):
    """Forwarding, and the reported activity.

    Attributes:
        drops_client_headers: X-Forwarded headers of untrusted clients are dropped; otherwise the
            proxy appends its own to them.
        activity_seconds: seconds within which traffic in an open websocket is reported.
    """

    drops_client_headers: bool = True
    activity_seconds: float = 8.0

    async def test_an_open_websocket_survives_100_route_changes(
        self, proxy: ProxyUnderTest, alice: Backend, bob: Backend
    ) -> None:
        await proxy.add("/user/alice/", alice.url)
        client = await websocket_connect(f"ws://127.0.0.1:{proxy.port}/user/alice/ws")
        for number in range(50):
            await proxy.add(f"/user/u{number}/", bob.url)
            await client.write_message(f"message {number}")
            assert await client.read_message() == f"message {number}"
            await proxy.delete(f"/user/u{number}/")
        await hang_up(client)

    async def test_the_proxy_tells_who_asked_and_how(self, proxy: ProxyUnderTest, alice: Backend) -> None:
        await proxy.add("/user/alice/", alice.url)

        headers = (await ask(proxy.port, "/user/alice/", headers={"Host": "hub.example:8443"})).json[
            "headers"
        ]

        assert headers["X-Forwarded-For"].endswith("127.0.0.1")
        assert headers["X-Forwarded-Proto"] == "http"
        assert headers["X-Forwarded-Host"] == "hub.example:8443"
        assert headers["X-Forwarded-Port"] == "8443"
        assert headers["Host"] == "hub.example:8443"

    async def test_what_a_client_says_of_itself_is_not_believed(
        self, proxy: ProxyUnderTest, alice: Backend
    ) -> None:
        await proxy.add("/user/alice/", alice.url)
        forwarded = {
            "X-Forwarded-For": "6.6.6.6",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Port": "1",
            "X-Real-IP": "6.6.6.6",
            "X-Scheme": "https",
        }

        headers = (await ask(proxy.port, "/user/alice/", headers=forwarded)).json["headers"]

        if self.drops_client_headers:
            assert headers["X-Forwarded-For"] == "127.0.0.1"
            assert headers["X-Forwarded-Proto"] == "http"
            assert "6.6.6.6" not in str(headers)
            assert "X-Scheme" not in headers
        else:
            assert headers["X-Forwarded-For"].split(",")[-1].strip().endswith("127.0.0.1")
            assert headers["X-Forwarded-Proto"].split(",")[-1].strip() == "http"

    @pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "stranger"])
    async def test_tls_that_ends_in_front_is_known_from_a_trusted_web_server_alone(
        self, make_plugin: Make, proxy_settings: ProxySettings, alice: Backend, *, trusted: bool
    ) -> None:
        named = ("127.0.0.1",) if trusted else ()
        settings = replace(proxy_settings, trusted_downstream_ips=named)
        async with running(make_plugin, settings) as proxy:
            await proxy.add("/", alice.url)
            for forwarded in ENDED_IN_FRONT:
                arrived = (await ask(proxy.port, "/", headers=forwarded)).json["headers"]
                request = seen_by_hub(arrived, named)
                assert request.protocol == ("https" if trusted else "http"), (forwarded, arrived)
                assert request.remote_ip == ("203.0.113.9" if trusted else "127.0.0.1")

    async def test_a_large_body_passes(self, proxy: ProxyUnderTest, alice: Backend) -> None:
        await proxy.add("/user/alice/", alice.url)

        reply = await ask(proxy.port, "/user/alice/upload", method="POST", body=b"x" * 3_000_000)

        assert reply.json["method"] == "POST"
        assert reply.json["body_length"] == 3_000_000

    async def test_a_stream_of_events_is_not_held_back(self, proxy: ProxyUnderTest, alice: Backend) -> None:
        await proxy.add("/user/alice/", alice.url)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            writer.write(b"GET /user/alice/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(5):
                await reader.readuntil(b"data: first\n\n")
        finally:
            writer.close()

    async def test_a_dead_server_is_answered_for_with_503_at_once(self, proxy: ProxyUnderTest) -> None:
        await proxy.add("/user/dead/", _dead_url())
        begin = time.monotonic()

        assert (await ask(proxy.port, "/user/dead/tree")).status == 503
        assert time.monotonic() - begin < 4

    async def test_a_request_moves_the_last_activity(self, proxy: ProxyUnderTest, alice: Backend) -> None:
        await proxy.add("/user/alice/", alice.url)
        before = time.time()
        await proxy.name_at("/user/alice/")

        async def seen() -> bool:
            activity = (await proxy.routes())["/user/alice/"].last_activity
            return activity is not None and activity.timestamp() > before - 1

        await until(seen)

    async def test_traffic_in_a_websocket_moves_the_last_activity(
        self, proxy: ProxyUnderTest, alice: Backend
    ) -> None:
        await proxy.add("/user/alice/", alice.url)
        client = await websocket_connect(f"ws://127.0.0.1:{proxy.port}/user/alice/ws")
        begin = time.time()

        async def moved() -> bool:
            await client.write_message("still here")
            await client.read_message()
            activity = (await proxy.routes())["/user/alice/"].last_activity
            return activity is not None and activity.timestamp() > begin + 1

        await until(moved, seconds=self.activity_seconds + 2, pause=0.2)
        await hang_up(client)


def seen_by_hub(headers: Mapping[str, str], named: tuple[str, ...]) -> HTTPServerRequest:
    """Parse a request as the hub parses one from its own proxy.

    Args:
        headers: of the request.
        named: ``trusted_downstream_ips``.

    Returns:
        The request, as the hub's pages see it.
    """
    connection = Connection()
    connection.is_proxy = True
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/", "HTTP/1.1"),
        headers=HTTPHeaders(headers),
        connection=connection,
    )
    request.remote_ip, request.protocol = "127.0.0.1", "http"
    apply_forwarded(request, TrustedPeers(named, ()))
    return request


class Connection(HTTPConnection):
    """A connection of the hub's own proxy."""

    is_proxy = False

    @property
    def context(self) -> Connection:
        """The context of the connection."""
        return self

    def set_close_callback(self, callback: Any) -> None:
        """Never close."""


def _dead_url() -> str:
    return f"http://127.0.0.1:{free_port()}"
