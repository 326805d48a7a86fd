import asyncio
import contextlib

import pytest
from sqlalchemy import event

from plughub.domain.routes import Route
from plughub.kinds import ProxySettings
from plughub.services.coordination.change_feed import CachedQuery, ChangeFeed
from plughub.services.coordination.hub_registry import HubRegistry, _read_changes
from plughub.services.hub_services.health_checks import ServiceChecks
from plughub.services.routes.router import Router
from plughub.storage.store import Transaction


class FeedingHub:
    """A hub whose change feed is polled, and that counts how often the expected routes are computed."""

    def __init__(self, hub):
        self.change_feed = ChangeFeed()
        proxy = ProxySettings(ip="", port=8000, hub_url="http://h:1")
        self.router = Router(hub.store, hub.hooks, hub.settings, proxy, self.change_feed)
        self.reads = 0
        look = self.router.expected._read

        def counted(tx):
            self.reads += 1
            return look(tx)

        self.router.expected._read = counted
        self.beats = []
        self.hub_registry = HubRegistry(
            hub.store, hub.settings, lambda _: self.change_feed.changed(), on_snapshot=self._on_snapshot
        )

    def _on_snapshot(self, activity_snapshot, at):
        self.change_feed.update(activity_snapshot, at)
        self.beats.append(self.change_feed.version)


@pytest.fixture
async def feeling(hub, until):
    await hub.started()
    feeling = FeedingHub(hub)
    task = asyncio.create_task(feeling.hub_registry.poll_changes())
    await until(lambda: len(feeling.beats) > 1 and feeling.beats[-1] == feeling.beats[-2])
    await feeling.router.sync()
    yield feeling
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_routes_are_compared_without_the_database_while_nothing_happens(feeling, proxy):
    before = feeling.reads
    for _ in range(3):
        await feeling.router.sync()
    assert feeling.reads == before
    proxy.routes.clear()
    await feeling.router.sync()
    assert set(proxy.routes) == {"/", "/user/alice/"}


async def test_a_route_newer_than_the_cache_is_checked_before_it_is_deleted(feeling, hub, proxy):
    await hub.started("bob")
    proxy.routes["/user/nobody/"] = Route(routespec="/user/nobody/", target="http://127.0.0.1:1")
    await feeling.router.sync()
    assert set(proxy.routes) == {"/", "/user/alice/", "/user/bob/"}


async def test_the_stop_of_a_server_invalidates_the_cache(feeling, hub, until):
    version = feeling.change_feed.version
    server = await hub.store.read(lambda tx: tx.servers.get("alice", ""))
    await hub.servers.stop(server)
    await until(lambda: feeling.change_feed.version > version)


async def test_a_poll_of_changes_is_two_statements(hub):
    statements = []

    def look(connection):
        event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[2]))
        _read_changes(Transaction(connection), None, 60)

    hub.database.run(look, write=False)
    assert len(statements) == 2


async def test_nothing_is_cached_without_snapshots():
    answers = iter(range(2))

    async def read():
        return next(answers)

    kept = CachedQuery(ChangeFeed(), read)
    assert [await kept.get(), await kept.get()] == [0, 1]


async def test_a_service_that_is_changed_is_looked_at_at_once(hub, monkeypatch, until):
    monkeypatch.setattr("plughub.services.hub_services.health_checks.SERVICE_CHECK_IDLE_SECONDS", 3600)
    checks = ServiceChecks(hub.store, hub.settings)
    reads = []
    look = checks.run_once

    async def counted():
        reads.append(None)
        await look()

    checks.run_once = counted
    task = asyncio.create_task(checks.run())
    await until(lambda: reads)
    checks.changed([("user", "alice")])
    checks.changed([("service", "wiki")])
    await until(lambda: len(reads) == 2)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
