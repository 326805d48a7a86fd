"""Servers whose prefix an earlier version, or a JupyterHub, spelled differently."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from plughub import hookimpl
from plughub.domain.oauth import server_client_id
from plughub.domain.paths import former_path, normal_path
from plughub.domain.routes import Route
from plughub.domain.urls import user_url
from plughub.services.addresses import link_to_server
from plughub.storage import tables

from .conftest import TableProxy

NAME = "o'neil;x"
NOW = user_url("/", NAME)
FORMER = former_path(NOW)


async def stored_as(hub, prefix):
    def change(tx):
        tx._connection.execute(update(tables.servers).values(base_url=prefix))

    await hub.store.write(change)


async def test_all_addresses_passed_to_a_server_have_one_spelling(hub, machine, proxy):
    record = await hub.started(NAME, "")
    server = machine.seen["spawn"]
    assert NOW == "/user/o%27neil%3Bx/"
    assert server.prefix == server.environment["JUPYTERHUB_SERVICE_PREFIX"] == NOW
    assert server.environment["JUPYTERHUB_OAUTH_CALLBACK_URL"] == f"{NOW}oauth_callback"
    assert server.environment["JUPYTERHUB_ACTIVITY_URL"].endswith("/users/o%27neil%3Bx/activity")
    client = await hub.store.read(lambda tx: tx.oauth.client(server_client_id(NAME, "")))
    assert client.redirect_uri == f"{NOW}oauth_callback"
    assert set(proxy.routes) == {NOW}
    assert link_to_server(hub.settings, record) == NOW
    rows = await hub.store.read(lambda tx: tx._connection.execute(select(tables.servers.c.base_url)).all())
    assert rows == [(NOW,)]


@pytest.mark.parametrize("stored", ["/", FORMER], ids=["of an earlier version", "as passed to the start"])
async def test_a_server_that_ran_before_the_upgrade_keeps_its_spelling_until_it_stops(
    make_hub, machine, proxy, stored
):
    before = make_hub()
    await before.started(NAME)
    await stored_as(before, stored)
    await before.crash()
    del proxy.routes[NOW]
    target = next(url for _, _, url in machine.running.values())
    proxy.routes[FORMER] = Route(routespec=FORMER, target=target, data={"user": NAME, "server_name": ""})
    right = dict(proxy.routes)

    after = make_hub()
    await after.router.sync()
    server = await after.servers.get(NAME, "")

    assert proxy.routes[FORMER] == right[FORMER]
    assert NOW not in proxy.routes
    assert link_to_server(after.settings, server) == FORMER
    await after.poller.run_once()
    assert machine.seen["poll"].prefix == FORMER

    await after.stopped(server)
    assert set(proxy.routes) == {"/"}
    await after.started(NAME)
    assert set(proxy.routes) == {"/", NOW}


async def test_a_stored_prefix_with_another_path_is_ignored(hub, proxy):
    await hub.started(NAME)
    for stored in (None, "", "/user/carol/", f"{NOW}lab/", "/elsewhere/"):
        await stored_as(hub, stored)
        await hub.router.sync()
        assert set(proxy.routes) == {"/", NOW}
        assert link_to_server(hub.settings, await hub.servers.get(NAME, "")) == NOW


async def test_a_prefix_that_is_too_long_for_its_column_is_computed(hub, proxy):
    name = "é" * 150
    await hub.started(name)
    assert set(proxy.routes) == {user_url("/", name)}
    rows = await hub.store.read(lambda tx: tx._connection.execute(select(tables.servers.c.base_url)).all())
    assert rows == [(None,)]


class DecodingProxy(TableProxy):
    """Treats all spellings of a routespec as the same, like real proxies."""

    @hookimpl
    async def hub_route_add(self, route):
        self.routes[normal_path(route.routespec)] = route

    @hookimpl
    async def hub_route_delete(self, routespec):
        for _ in range(100):  # slower than the concurrent requests
            await asyncio.sleep(0)
        self.routes.pop(normal_path(routespec), None)


class TestDecoding:
    @pytest.fixture
    def proxy(self):
        return DecodingProxy()

    async def test_a_route_in_another_spelling_is_replaced_and_not_lost(self, make_hub, proxy):
        hub = make_hub(base_url="/it%27s/")
        await hub.started("ada")
        await hub.router.sync()
        right = dict(proxy.routes)
        spec = "/it%27s/user/ada/"
        proxy.routes[spec] = replace(right[spec], routespec="/it's/user/ada/")

        await hub.router.sync()

        assert proxy.routes == right


async def test_the_route_of_the_hub_is_its_base_url(make_hub, proxy):
    hub = make_hub(base_url="/jupyter/")
    await hub.router.sync()
    assert set(proxy.routes) == {"/jupyter/"}
    assert proxy.routes["/jupyter/"].data == {"hub": True}
