import asyncio
import logging

import pytest

from plughub import hookimpl
from plughub.domain.audit import AuditQuery
from plughub.domain.clock import utcnow
from plughub.domain.errors import UnavailableError
from plughub.domain.events import Actor, Event, EventKind
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.services.observability import audit, events
from plughub.services.observability.audit import AuditTrail
from plughub.services.observability.events import EventPublisher
from plughub.storage.schema import prepare_schema
from plughub.storage.store import Store
from plughub.testing import conditions
from plughub.testing.databases import open_database


class EventListener:
    """Records events; blocks while it is held."""

    def __init__(self) -> None:
        self.received: list[Event] = []
        self.free = asyncio.Event()
        self.free.set()

    @hookimpl
    async def hub_event(self, event: Event) -> None:
        await self.free.wait()
        self.received.append(event)


@pytest.fixture
def small_backlog(monkeypatch) -> None:
    monkeypatch.setattr(events, "BACKLOG", 5)


@pytest.fixture
async def store(tmp_path):
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    prepare_schema(url)
    store = Store(open_database(url))
    yield store
    store.database.close()


@pytest.fixture
async def listeners():
    plugins, slow, quick = ActivePlugins(), EventListener(), EventListener()
    plugins.add("slow", slow)
    plugins.add("quick", quick)
    publisher = EventPublisher(Hooks(HookCaller(plugins, ThreadPools(1))))
    task = asyncio.create_task(publisher.run())
    yield publisher, slow, quick
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition) -> None:
    async def holds() -> object:
        return condition()

    await conditions.until(holds, seconds=20, pause=0.01)


async def test_a_listener_that_hangs_does_not_affect_others(listeners) -> None:
    publisher, slow, quick = listeners
    slow.free.clear()
    for number in range(50):
        publisher.publish(EventKind.LOGIN, f"user{number}")
    await until(lambda: len(quick.received) == 50)
    assert [event.user for event in quick.received] == [f"user{number}" for number in range(50)]
    assert slow.received == []
    slow.free.set()
    await publisher.finish(20)
    assert slow.received == quick.received


async def test_an_event_names_actor_address_and_token(listeners) -> None:
    publisher, _, quick = listeners
    by = Actor(name="root", remote_ip="10.0.0.7", token_id="a3")
    publisher.publish(EventKind.STOP_REQUESTED, "alice", "lab", by=by, remove=True)
    await publisher.drain()
    event = quick.received[0]
    assert (event.actor, event.remote_ip, event.token_id) == ("root", "10.0.0.7", "a3")
    assert (event.user, event.server, event.detail) == ("alice", "lab", {"remove": True})


async def test_shutdown_waits_for_a_hanging_listener_only_for_a_limited_time(listeners, caplog) -> None:
    publisher, slow, quick = listeners
    slow.free.clear()
    for _ in range(3):
        publisher.publish(EventKind.LOGIN, "alice")
    await publisher.finish(0.1)
    assert len(quick.received) == 3
    assert "undelivered events, by plugin: {'slow': 2}" in caplog.text


async def test_events_are_dropped_only_for_the_listener_that_hangs(small_backlog, listeners, caplog) -> None:
    publisher, slow, quick = listeners
    slow.free.clear()
    for number in range(20):
        publisher.publish(EventKind.LOGIN, f"user{number}")
        await until(lambda number=number: len(quick.received) == number + 1)
    assert "for plugin 'slow': its queue is full" in caplog.text
    assert "plugin 'quick' does not" not in caplog.text


class UnavailableStore:
    """A store that is unavailable for some time."""

    def __init__(self, store) -> None:
        self.store = store
        self.away = True

    async def write(self, work):
        if self.away:
            raise UnavailableError("the database does not answer")
        return await self.store.write(work)


def login(user: str) -> Event:
    return Event(kind=EventKind.LOGIN, at=utcnow(), user=user)


async def test_the_audit_trail_waits_for_a_database_that_is_away_and_loses_nothing(
    store, monkeypatch
) -> None:
    monkeypatch.setattr(audit, "AUDIT_RETRY_SECONDS", 0.05)
    away = UnavailableStore(store)
    trail = AuditTrail(away)  # type: ignore[arg-type]
    task = asyncio.create_task(trail.run())
    for number in range(700):
        await trail.hub_event(login(f"user{number}"))
    await asyncio.sleep(0)
    away.away = False

    async def all_stored():
        return await store.read(lambda tx: tx.audit.count(AuditQuery())) == 700

    try:
        await conditions.until(all_stored, seconds=60)
    finally:
        task.cancel()
    lines = await store.read(lambda tx: tx.audit.page(AuditQuery(), 0, 1000))
    assert [line.user for line in reversed(lines)] == [f"user{number}" for number in range(700)]


async def test_the_last_events_are_stored_at_shutdown(store) -> None:
    trail = AuditTrail(store)
    await trail.hub_event(login("alice"))
    await trail.finish()
    assert await store.read(lambda tx: tx.audit.count(AuditQuery(user="alice"))) == 1


async def test_entries_that_cannot_be_stored_at_shutdown_are_logged(store, caplog) -> None:
    trail = AuditTrail(UnavailableStore(store))  # type: ignore[arg-type]
    await trail.hub_event(login("alice"))
    with caplog.at_level(logging.ERROR):
        await trail.finish()
    assert "missing from the audit trail" in caplog.text
    assert "user='alice'" in caplog.text
