"""The contract of a proxy's routes."""

from __future__ import annotations

import asyncio
from typing import Final

from plughub.domain.routes import Route
from plughub.testing.backends import Backend, ask
from plughub.testing.contracts.proxy_under_test import NAME, ProxyFixtures, ProxyUnderTest

MANY: Final = 5000


class ProxyRoutesContract(ProxyFixtures):
    """Adding, changing, deleting and listing routes."""

    async def test_the_longest_prefix_wins(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend, bob: Backend
    ) -> None:
        await proxy.add("/", hub.url, hub=True)
        await proxy.add("/user/alice/", alice.url)
        await proxy.add("/user/alice/lab/", bob.url)

        assert await proxy.name_at("/user/alice/lab/tree") == "bob"
        assert await proxy.name_at("/user/alice/labs") == "alice"
        assert await proxy.name_at("/user/alice") == "alice"
        assert await proxy.name_at("/user/alice?x=/user/alice/lab/") == "alice"

    async def test_a_name_that_begins_like_another_is_not_mixed_up_with_it(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend
    ) -> None:
        await proxy.add("/", hub.url, hub=True)
        await proxy.add("/user/al/", alice.url)

        assert await proxy.name_at("/user/alice/") == "hub"
        assert await proxy.name_at("/user/al") == "alice"

    async def test_an_unknown_path_goes_to_the_default_route(
        self, proxy: ProxyUnderTest, hub: Backend
    ) -> None:
        await proxy.add("/", hub.url, hub=True)

        assert await proxy.name_at("/anything/at/all") == "hub"
        assert await proxy.name_at("/") == "hub"

    async def test_without_any_route_the_answer_is_404(self, proxy: ProxyUnderTest) -> None:
        assert (await ask(proxy.port, "/user/alice/")).status == 404

    async def test_the_address_arrives_as_it_was_sent(self, proxy: ProxyUnderTest, alice: Backend) -> None:
        await proxy.add("/user/alice/", alice.url)
        path = "/user/alice/files/a%20b%2Fc+d;e/?q=%C3%A9&r=a+b"

        assert (await ask(proxy.port, path)).json["uri"] == path

    async def test_adding_a_route_again_changes_its_target(
        self, proxy: ProxyUnderTest, alice: Backend, bob: Backend
    ) -> None:
        await proxy.add("/user/x/", alice.url, user="x")
        await proxy.add("/user/x/", bob.url, user="x")

        assert await proxy.name_at("/user/x/") == "bob"
        assert [route.target for route in (await proxy.routes()).values()] == [bob.url]

    async def test_a_deleted_route_falls_back_to_the_default_one(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend
    ) -> None:
        await proxy.add("/", hub.url, hub=True)
        await proxy.add("/user/alice/", alice.url)
        await proxy.delete("/user/alice/")

        assert await proxy.name_at("/user/alice/") == "hub"
        assert set(await proxy.routes()) == {"/"}

    async def test_deleting_what_is_not_there_is_no_error(self, proxy: ProxyUnderTest) -> None:
        await proxy.delete("/user/nobody/")

        assert await proxy.routes() == {}

    async def test_a_route_comes_back_as_it_was_added(self, proxy: ProxyUnderTest, alice: Backend) -> None:
        data = {"user": "alice", "server_name": "lab", "more": ["a b", "é|;\n", {"x": None}]}
        route = Route(
            routespec="/user/alice/lab/",
            target=alice.url,
            data=data,
            more_targets=("http://127.0.0.1:9",),
        )
        await proxy.hooks.route_add(NAME, route)

        assert await proxy.hooks.routes(NAME) == (route,)

    async def test_a_whole_table_takes_the_place_of_the_old_one(
        self, proxy: ProxyUnderTest, alice: Backend, bob: Backend
    ) -> None:
        await proxy.add("/user/gone/", alice.url)
        await proxy.replace(
            Route(routespec="/user/alice/", target=alice.url, data={"user": "alice"}),
            Route(routespec="/user/bob/", target=bob.url, data={"user": "bob"}),
        )

        assert set(await proxy.routes()) == {"/user/alice/", "/user/bob/"}
        assert await proxy.name_at("/user/bob/") == "bob"
        assert (await ask(proxy.port, "/user/gone/")).status == 404

    async def test_5000_routes_added_at_once_are_right(
        self, proxy: ProxyUnderTest, alice: Backend, bob: Backend
    ) -> None:
        targets = [alice, bob]
        await proxy.replace(
            *(
                Route(routespec=f"/user/u{n}/", target=targets[n % 2].url, data={"user": f"u{n}"})
                for n in range(MANY)
            )
        )

        await _check_many(proxy, targets)

    async def test_5000_routes_added_one_by_one_are_right(
        self, proxy: ProxyUnderTest, alice: Backend, bob: Backend
    ) -> None:
        targets = [alice, bob]

        async def add_every(step: int, first: int) -> None:
            for n in range(first, MANY, step):
                await proxy.add(f"/user/u{n}/", targets[n % 2].url, user=f"u{n}")

        await asyncio.gather(*(add_every(8, first) for first in range(8)))

        await _check_many(proxy, targets)


async def _check_many(proxy: ProxyUnderTest, targets: list[Backend]) -> None:
    routes = await proxy.routes()
    assert len(routes) == MANY
    assert all(
        routes[f"/user/u{n}/"].target == targets[n % 2].url
        and routes[f"/user/u{n}/"].data == {"user": f"u{n}"}
        for n in range(MANY)
    )
    for n in [0, 1, 10, 11, 100, 101, 1000, 1001, 4998, 4999]:
        assert await proxy.name_at(f"/user/u{n}/tree") == targets[n % 2].name
