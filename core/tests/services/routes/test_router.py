import asyncio
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from plughub import hookimpl
from plughub.domain.routes import Route
from plughub.storage import tables


@pytest.fixture
async def running(hub):
    await hub.started()
    return hub


async def test_missing_wrong_and_surplus_routes_are_repaired(running, proxy):
    right = dict(proxy.routes)
    proxy.routes["/user/alice/"] = Route(routespec="/user/alice/", target="http://127.0.0.1:1")
    proxy.routes["/user/nobody/"] = Route(routespec="/user/nobody/", target="http://127.0.0.1:1")
    await running.router.sync()
    assert proxy.routes["/user/alice/"] == right["/user/alice/"]
    assert set(proxy.routes) == {"/", "/user/alice/"}


async def test_a_proxy_that_has_ended_is_restarted_with_all_routes(running, proxy, until):
    watch = asyncio.create_task(running.route_reconciler.run())
    proxy.routes.clear()
    proxy.code = 1
    await until(lambda: set(proxy.routes) == {"/", "/user/alice/"})
    watch.cancel()


async def test_the_state_of_the_proxy_is_stored(hub, proxy):
    await hub.router.start()
    assert await hub.store.read(lambda tx: tx.settings.get("proxy-state:table")) == {"starts": 1}


async def test_routes_of_starting_servers_are_left_alone(hub, proxy, machine, until):
    machine.gate = asyncio.Event()
    asked = await hub.servers.start(await hub.user())
    await until(lambda: machine.running)
    proxy.routes["/user/alice/"] = Route(routespec="/user/alice/", target="http://127.0.0.1:1")
    await hub.router.sync()
    assert "/user/alice/" in proxy.routes
    machine.gate.set()
    server = await hub.servers.wait(asked, 10)
    assert proxy.routes["/user/alice/"].target == server.url


async def test_a_route_that_cannot_be_added_fails_the_start_and_names_the_proxy(hub, proxy):
    proxy.error = RuntimeError("out of memory")
    asked = await hub.servers.start(await hub.user())
    server = await hub.servers.wait(asked, 20)
    assert server.failure.plugin == "table"
    assert server.failure.detail == "out of memory"


async def test_the_route_of_the_hub_leads_to_all_live_processes(hub, proxy, until):
    def join(key, seen_ago):
        def work(tx):
            tx.hub_processes.join(key, host="h", pid=1, birth=1.0, url=f"http://127.0.0.1:{key}")
            tx._connection.execute(
                update(tables.hubs).where(tables.hubs.c.id == key).values(seen=tx.now() - seen_ago)
            )

        return hub.store.write(work)

    for key, seen_ago in (("2", 0), ("1", 0), ("3", 3600)):
        await join(key, seen_ago)
    await hub.router.sync()
    assert (proxy.routes["/"].target, proxy.routes["/"].more_targets) == (
        "http://127.0.0.1:1",
        ("http://127.0.0.1:2",),
    )
    await hub.store.write(
        lambda tx: tx.hub_processes.join("us", host="h", pid=1, birth=1.0, url=hub.settings.hub_url)
    )
    await hub.router.sync()
    assert proxy.routes["/"].target == hub.settings.hub_url, (
        "a proxy that uses one target uses who sees to it"
    )
    await hub.store.write(lambda tx: tx.hub_processes.leave("us"))
    watch = asyncio.create_task(hub.route_reconciler.run())
    await hub.store.write(lambda tx: tx.hub_processes.leave("1"))
    await until(lambda: proxy.routes["/"].target == "http://127.0.0.1:2")
    watch.cancel()


async def test_a_route_that_was_added_while_the_table_was_replaced_is_not_lost(hub, proxy):
    starts = [lambda: hub.started("bob")]

    async def hub_routes_replace(routes):
        while starts:
            await starts.pop()()
        proxy.routes = {route.routespec: route for route in routes}

    await hub.started("alice")
    proxy.routes.clear()
    bulk = SimpleNamespace(hub_routes_replace=hookimpl(hub_routes_replace))
    hub.hooks.caller.plugins.add_part("table", "bulk", bulk)
    hub.hooks.caller.forget_cache()
    await hub.router.sync()
    assert {"/", "/user/alice/", "/user/bob/"} <= set(proxy.routes)
