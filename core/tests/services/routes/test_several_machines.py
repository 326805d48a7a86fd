"""Hubs on several machines, with a proxy each or a common one: a route leads to its server or nowhere."""

import pytest
from sqlalchemy import update

from plughub.domain.services import ServiceDeclaration
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.storage import tables
from plughub.testing.ports import network_address

ROUTE = "/user/alice/"
SERVICE = "/services/notes/"


@pytest.fixture
def on(make_hub, proxy):
    """Make a hub on a machine, with the proxy of that machine."""

    async def make(host, *, own_proxy=True, url="http://127.0.0.1:8081"):
        hub = make_hub(
            host=host,
            proxy_host=host if own_proxy else "",
            host_bound=True,
            table=type(proxy)() if own_proxy else proxy,
            hub_url=url,
        )
        await HubRegistry(hub.store, hub.settings, lambda _: None).join()
        return hub

    return make


async def table(hub):
    hub.router._expected_routes.clear()
    await hub.router.sync()
    return {route.routespec: route.target for route in await hub.router.list_routes()}


async def test_a_loopback_address_is_routed_on_its_own_machine_only(on, caplog):
    here, there = await on("here"), await on("there")
    server = await here.started()
    host = (await here.store.read(lambda tx: tx.servers.by_id(server.id))).host
    mine, other = (here, there) if host == "here" else (there, here)
    assert (await table(mine))[ROUTE] == server.url
    assert ROUTE not in await table(other)
    assert f"no route to alice/ from the proxy on machine {other.settings.host}" in caplog.text
    assert "Set Spawner.ip" in caplog.text
    said = len(caplog.records)
    await table(other)
    assert len(caplog.records) == said, "it is said once"
    assert await other.router.expected.may_be_missing(server)


async def test_an_existing_route_on_another_machine_is_removed(on):
    here, there = await on("here"), await on("there")
    server = await here.started()
    host = (await here.store.read(lambda tx: tx.servers.by_id(server.id))).host
    other = there if host == "here" else here
    await other.hooks.route_add("table", here.router.route_of(server))
    assert ROUTE not in await table(other)


async def test_a_network_address_is_routed_on_all_machines(on, machine):
    machine.address = network_address()
    here, there = await on("here"), await on("there")
    server = await here.started()
    assert (await table(here))[ROUTE] == (await table(there))[ROUTE] == server.url
    assert not await there.router.expected.may_be_missing(server)


async def test_two_hubs_on_one_machine_share_loopback(on):
    one, two = await on("here"), await on("here")
    server = await one.started()
    assert (await table(one))[ROUTE] == (await table(two))[ROUTE] == server.url
    assert not await one.router.expected.may_be_missing(server)


async def test_a_shared_proxy_gets_loopback_addresses_only_with_one_machine(on, proxy):
    here = await on("here", own_proxy=False)
    server = await here.started()
    assert (await table(here))[ROUTE] == server.url
    there = await on("there", own_proxy=False)
    assert ROUTE not in await table(here)
    assert ROUTE not in await table(there)
    await here.started("bob")
    assert "/user/bob/" not in proxy.routes, "a start adds no such route either"


async def test_the_route_of_the_hub_leads_to_no_loopback_address_of_another_machine(on):
    here = await on("here", url="http://127.0.0.1:1")
    await on("there", url="http://127.0.0.1:2")
    await on("far", url="http://192.0.2.7:3")
    await here.router.sync()
    (route,) = [route for route in await here.router.list_routes() if route.routespec == "/"]
    assert (route.target, route.more_targets) == ("http://127.0.0.1:1", ("http://192.0.2.7:3",))
    others = await HubRegistry(here.store, here.settings, lambda _: None).others()
    await here.router.set_hub_route(others)
    (route,) = [route for route in await here.router.list_routes() if route.routespec == "/"]
    assert (route.target, route.more_targets) == ("http://192.0.2.7:3", ())


@pytest.mark.parametrize(("command", "routed"), [((), True), (("notes",), False)])
async def test_a_managed_service_is_routed_like_a_server(on, command, routed):
    here, there = await on("here"), await on("there")

    def run(tx):
        tx.services.save(ServiceDeclaration(name="notes", url="http://127.0.0.1:9", command=command))
        tx.service_lives.record_launch("notes", host="here", launch="1", digest="")
        tx._connection.execute(update(tables.service_lives).values(routed=True))

    await here.store.write(run)
    assert SERVICE in await table(here)
    assert (SERVICE in await table(there)) is routed
