"""The leader that reconciles the routes, and proxies that reject some of them."""

import asyncio
from types import SimpleNamespace

import pytest

from plughub import hookimpl
from plughub.domain.errors import PluginError
from plughub.domain.routes import Route
from plughub.testing import conditions
from plughub.testing.databases import prepare_database
from plughub.testing.delays import shorten


class SelectiveProxy:
    """A proxy that rejects some routes, counts the reads of its table, and can block its answers."""

    def __init__(self):
        self.routes = {}
        self.starts = 0
        self.refuses = set()
        self.refusals = 0
        self.takes_tables = True
        self.reads = 0
        self.steps = []
        self.activity_wanted = []
        self.gate = None
        self.code = None
        self.unlisted = set()
        self.forgets = set()
        self.checks = []
        self.check_error = None

    @hookimpl
    async def hub_routes_check(self, routes, pending):
        self.steps.append("check")
        self.checks.append(({route.routespec for route in routes}, {route.routespec for route in pending}))
        if self.check_error:
            raise self.check_error

    @hookimpl
    async def hub_proxy_start(self, proxy):
        self.starts += 1
        return {"starts": self.starts}

    @hookimpl
    async def hub_proxy_stop(self):
        self.routes.clear()

    @hookimpl
    async def hub_proxy_poll(self):
        code, self.code = self.code, None
        return code

    @hookimpl
    async def hub_route_delete(self, routespec):
        self.steps.append("delete")
        self.routes.pop(routespec, None)

    @hookimpl
    async def hub_route_add(self, route):
        self.steps.append("add")
        if route.routespec in self.refuses:
            self.refusals += 1
            raise ValueError("no such route here")
        if route.routespec not in self.forgets:
            self.routes[route.routespec] = route

    @hookimpl
    async def hub_routes_replace(self, routes):
        self.steps.append("replace")
        if not self.takes_tables or self.refuses & {route.routespec for route in routes}:
            raise ValueError("not all of these")
        self.routes = {route.routespec: route for route in routes}

    @hookimpl
    async def hub_routes(self, activity):
        self.reads += 1
        self.activity_wanted.append(activity)
        stood = [route for spec, route in self.routes.items() if spec not in self.unlisted]
        if self.gate:
            await self.gate.wait()
        return stood


@pytest.fixture
def db_url(tmp_path):
    url = f"sqlite:///{tmp_path}/hub.sqlite"
    prepare_database(url)
    return url


@pytest.fixture
def proxy():
    return SelectiveProxy()


@pytest.fixture
async def keeping():
    tasks = []

    def keep(hub):
        tasks.append(asyncio.create_task(hub.route_reconciler.run()))
        return tasks[-1]

    yield keep
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_refused_route_affects_neither_startup_nor_other_routes(
    make_hub, proxy, keeping, until, caplog, monkeypatch
):
    shorten(monkeypatch, ("REFUSED_ROUTE_BACKOFF", "ROUTE_CHECK_SECONDS"))
    hub = make_hub()
    for name in ("ada", "bob", "cyd"):
        await hub.started(name)
    proxy.routes.clear()
    proxy.refuses = {"/user/bob/"}
    await hub.route_reconciler.start()
    assert set(proxy.routes) == {"/", "/user/ada/", "/user/cyd/"}
    keeping(hub)
    await until(lambda: proxy.refusals > 1)
    assert len([line for line in caplog.messages if line.startswith("route /user/bob/ to http")]) == 1
    proxy.refuses.clear()
    await until(lambda: "/user/bob/" in proxy.routes)


def spoil(routes):
    """Delete a route, change another, and add one without a server."""
    del routes["/user/ada/"]
    for spec in ("/user/bob/", "/user/nobody/"):
        routes[spec] = Route(routespec=spec, target="http://127.0.0.1:1")


@pytest.mark.parametrize("trouble", [dict.clear, spoil])
async def test_any_difference_is_repaired_by_the_next_reconciliation_in_one_step(make_hub, proxy, trouble):
    hub = make_hub()
    for name in ("ada", "bob", "cyd"):
        await hub.started(name)
    await hub.route_reconciler.start()
    right = dict(proxy.routes)
    trouble(proxy.routes)
    proxy.steps.clear()
    assert await hub.route_reconciler.run_once() == 1.0, "seconds until the next one"
    assert (proxy.routes, [step for step in proxy.steps if step != "check"]) == (right, ["replace"])


async def test_a_proxy_that_refuses_the_route_of_the_hub_stops_the_startup(hub, proxy):
    proxy.refuses = {"/"}
    with pytest.raises(PluginError, match="no such route here"):
        await hub.route_reconciler.start()


async def test_routes_are_changed_one_by_one_when_the_table_cannot_be_replaced(hub, proxy):
    await hub.started()
    proxy.takes_tables = False
    proxy.routes = {"/user/nobody/": Route(routespec="/user/nobody/", target="http://127.0.0.1:1")}
    await hub.router.sync()
    assert set(proxy.routes) == {"/", "/user/alice/"}


async def test_one_process_reconciles_routes_until_another_takes_over(make_hub, proxy, keeping, until):
    one, two = make_hub(lease=1), make_hub(lease=1)
    await one.started()
    await one.route_reconciler.start()
    keeping(one)
    reads = proxy.reads
    assert [await two.route_reconciler.run_once() for _ in range(3)] == [1.0] * 3
    assert proxy.reads == reads
    for hub in (one, two):
        assert await hub.store.read(lambda tx: tx.leases.holders()) == {"routes": one.settings.hub_id}
    await one.crash()
    keeping(two)
    proxy.routes.clear()
    await until(lambda: "/user/alice/" in proxy.routes)


async def test_a_process_that_lost_the_lease_while_suspended_changes_no_route(make_hub, proxy, until):
    asleep, awake = make_hub(lease=1), make_hub(lease=1)
    await asleep.started()
    await asleep.route_reconciler.start()
    right = dict(proxy.routes)
    proxy.routes.clear()
    proxy.gate = asyncio.Event()
    looking = asyncio.create_task(asleep.route_reconciler.run_once())
    await until(lambda: not asleep.route_reconciler._leadership.is_held)
    gate, proxy.gate = proxy.gate, None
    await conditions.until(awake.route_reconciler._leadership.acquire)
    gate.set()
    await looking
    assert proxy.routes == {}
    await awake.route_reconciler.run_once()
    assert set(proxy.routes) == set(right)


async def test_activity_is_requested_less_often_than_routes(make_hub, proxy):
    hub = make_hub()
    await hub.route_reconciler.start()
    proxy.activity_wanted.clear()
    for _ in range(3):
        await hub.route_reconciler.run_once()
    assert proxy.activity_wanted == [True, False, False]


async def test_each_machine_with_its_own_proxy_has_a_reconciler(make_hub):
    hubs = [make_hub(proxy_host=name) for name in ("one", "two")]
    for hub in hubs:
        await hub.route_reconciler.start()
    assert await hubs[0].store.read(lambda tx: tx.leases.holders()) == {
        f"routes@{hub.settings.proxy_host}": hub.settings.hub_id for hub in hubs
    }
    for hub, starts in zip(hubs, (1, 2), strict=True):
        fact = f"proxy-state:table@{hub.settings.proxy_host}"
        assert await hub.store.read(lambda tx, fact=fact: tx.settings.get(fact)) == {"starts": starts}


async def test_a_problem_is_logged_when_it_begins_and_not_each_second(
    make_hub, proxy, keeping, until, caplog, monkeypatch
):
    hub = make_hub()
    await hub.route_reconciler.start()
    caplog.set_level("INFO")
    monkeypatch.setattr("plughub.services.routes.route_reconciler.ROUTE_CHECK_SECONDS", 0.05)
    broken, proxy.routes = proxy.routes, None
    keeping(hub)
    reads = proxy.reads
    await until(lambda: proxy.reads > reads + 3)
    proxy.routes = broken
    await until(lambda: "works again" in caplog.text)
    assert len([line for line in caplog.messages if "failed in hub_routes" in line]) == 1


async def test_a_route_that_is_accepted_but_not_listed_is_retried_with_a_backoff(
    hub, proxy, monkeypatch, caplog
):
    now = [100.0]
    monkeypatch.setattr("plughub.services.routes.router.time", SimpleNamespace(monotonic=lambda: now[0]))
    await hub.started("ada")
    await hub.router.sync()
    proxy.forgets, proxy.steps = {"/user/ada/"}, []
    del proxy.routes["/user/ada/"]
    for _ in range(90):
        await hub.router.sync()
        now[0] += 1
    assert 5 <= proxy.steps.count("add") <= 9
    assert len([line for line in caplog.messages if "the route was accepted but is not listed" in line]) == 1

    # A proxy that loses a route once gets it again at once.
    proxy.forgets = set()
    now[0] += 30
    await hub.router.sync()
    assert "/user/ada/" in proxy.routes
    await hub.router.sync()
    del proxy.routes["/user/ada/"]
    await hub.router.sync()
    assert "/user/ada/" in proxy.routes


async def test_a_table_that_is_accepted_but_not_listed_is_not_replaced_each_time(hub, proxy, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("plughub.services.routes.router.time", SimpleNamespace(monotonic=lambda: now[0]))
    names = ("ada", "bob", "cyd")
    for name in names:
        await hub.started(name)
    await hub.router.sync()

    proxy.unlisted, proxy.steps = {f"/user/{name}/" for name in names}, []
    for _ in range(100):
        await hub.router.sync()
        now[0] += 1
    assert proxy.steps.count("replace") <= 9
    assert proxy.steps.count("add") <= 30


async def test_the_proxy_checks_its_table_after_the_start_periodically_and_after_its_own_restart(
    hub, proxy, caplog
):
    await hub.started("ada")
    await hub.route_reconciler.start()
    assert proxy.checks == [({"/", "/user/ada/"}, set())]
    await hub.route_reconciler.run_once()
    await hub.route_reconciler.run_once()
    assert len(proxy.checks) == 2, "the interval has not passed"
    proxy.code = 1
    proxy.check_error = ValueError("not now")
    await hub.route_reconciler.run_once()
    assert len(proxy.checks) == 3
    assert "the check of the routes by the proxy failed" in caplog.text
