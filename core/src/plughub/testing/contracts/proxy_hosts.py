"""The contract of proxies that support routes with hosts or a second port for servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plughub.domain.routes import Route
from plughub.kinds.proxy import SERVERS_PORT_HEADER
from plughub.testing.backends import Backend, ask
from plughub.testing.contracts.proxy_under_test import ProxyFixtures, ProxyUnderTest
from plughub.testing.ports import free_port

ALICE = "alice.hub.example"
BOB = "bob.hub.example"
HUB = "hub.example"


class ProxyHostsContract(ProxyFixtures):
    """Servers on origins of their own. What the proxy declares must be true."""

    async def test_a_route_with_a_host_holds_on_that_host_alone_and_the_rest_goes_to_the_hub(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend, bob: Backend
    ) -> None:
        if not proxy.info.host_routing:
            return
        await self._restart(proxy, host_routing=True)
        await proxy.replace(
            Route(routespec="/", target=hub.url, data={"hub": True}),
            Route(routespec=f"{ALICE}/user/alice/", target=alice.url),
            Route(routespec=f"{BOB}/user/bob/", target=bob.url),
        )

        assert await self._name_at(proxy, ALICE, "/user/alice/lab") == "alice"
        assert await self._name_at(proxy, f"{ALICE}:8000", "/user/alice/") == "alice"
        assert await self._name_at(proxy, BOB, "/user/bob/") == "bob"
        for host in (HUB, BOB, f"x.{ALICE}", f"{ALICE}.", "other.example", "127.0.0.1", "%2Fuser%2Falice%2F"):
            assert await self._name_at(proxy, host, "/user/alice/") == "hub", host
        for path in ("/hub/home", "/", "/user/bob/", f"/{BOB}/user/bob/", "/user/alic", "/services/x/"):
            assert await self._name_at(proxy, ALICE, path) == "hub", path
        assert set(await proxy.routes()) == {"/", f"{ALICE}/user/alice/", f"{BOB}/user/bob/"}

        await proxy.delete(f"{ALICE}/user/alice/")
        assert await self._name_at(proxy, ALICE, "/user/alice/") == "hub"
        assert await self._name_at(proxy, BOB, "/user/bob/") == "bob"

    async def test_on_its_own_port_the_hub_stands_alone(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend
    ) -> None:
        if not proxy.info.servers_port:
            return
        second = free_port()
        await self._restart(proxy, servers_port=second)
        await proxy.add("/", hub.url, hub=True)
        await proxy.add("/user/alice/", alice.url)

        hosts = (f"hub.example:{second}", "hub.example", "%2Fuser%2Falice%2F")
        for host in hosts:
            assert await self._name_at(proxy, host, "/user/alice/lab") == "hub"
        for path in ("/user/alice", "//user/alice/", "/%75ser/alice/", "/user/alice/?x"):
            assert await proxy.name_at(path) == "hub"
        assert (await ask(second, "/user/alice/lab")).name == "alice"
        assert (await ask(second, "/user/bob/")).name == "hub"
        assert (await ask(second, "/hub/home")).json["uri"] == "/hub/home"
        for port, has_header in ((proxy.port, False), (second, True)):
            answer = await ask(port, "/hub/home", headers={"Host": "hub.example"})
            assert (SERVERS_PORT_HEADER in answer.json["headers"]) == has_header

    async def test_no_server_widens_the_scope_of_its_service_workers(
        self, proxy: ProxyUnderTest, alice: Backend
    ) -> None:
        await proxy.add("/user/alice/", alice.url)

        headers = (await ask(alice.port, "/user/alice/worker.js")).headers
        passed = (await ask(proxy.port, "/user/alice/worker.js")).headers

        assert headers["service-worker-allowed"] == "/"
        assert ("service-worker-allowed" not in passed) == proxy.info.drops_worker_scope

    async def test_no_server_has_a_service_worker_outside_of_its_route(
        self, proxy: ProxyUnderTest, alice: Backend
    ) -> None:
        if not proxy.info.drops_worker_scope:
            return
        await proxy.add("/user/alice/", alice.url)
        asked = {"Service-Worker": "script"}

        for inside in ("/user/alice/worker.js", "/user/alice/files/worker.js?x=/"):
            answer = await ask(proxy.port, inside, headers=asked)
            assert (answer.status, answer.name) == (200, "alice")
        for outside in ("/user/alice", "/user/alice?x=/", "/user%2Falice"):
            assert (await ask(proxy.port, outside, headers=asked)).status == 403

    async def _restart(self, proxy: ProxyUnderTest, **changes: Any) -> None:
        """Start the proxy as a hub with changed settings does."""
        proxy.settings = replace(proxy.settings, **changes)
        await proxy.start()

    async def _name_at(self, proxy: ProxyUnderTest, host: str, path: str) -> str:
        return (await ask(proxy.port, path, headers={"Host": host})).name
