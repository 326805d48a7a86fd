from datetime import UTC, datetime, timedelta

import pytest

from plughub.domain.audit import AuditQuery, entry_of
from plughub.domain.events import Event, EventKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = AuditQuery()


def happened(minute: int, kind: EventKind = EventKind.LOGIN, user: str = "alice", **more):
    return entry_of(Event(kind=kind, at=NOON + timedelta(minutes=minute), user=user, **more))


@pytest.fixture
def trail(stored):
    lines = [
        happened(0),
        happened(1, EventKind.SPAWN_REQUESTED, server="", actor="root", token_id="a7", remote_ip="::1"),
        happened(2, EventKind.ADMIN, "bob", actor="root", detail={"deed": "delete-user", "why": ["left"]}),
        happened(3, user="bob"),
    ]
    stored(lambda tx: tx.audit.add(lines))
    return stored


def kinds(stored, query: AuditQuery = ALL, offset: int = 0, limit: int = 100) -> list[str]:
    return [entry.kind for entry in stored(lambda tx: tx.audit.page(query, offset, limit))]


def test_the_newest_entry_comes_first_and_is_complete(trail) -> None:
    assert kinds(trail) == ["login", "delete-user", "spawn-requested", "login"]
    found = trail(lambda tx: tx.audit.page(AuditQuery(kind="spawn-requested"), 0, 1))[0]
    assert (found.at, found.actor, found.user, found.server) == (
        NOON + timedelta(minutes=1), "root", "alice", "",
    )  # fmt: skip
    assert (found.remote_ip, found.token_id) == ("::1", "a7")
    assert trail(lambda tx: tx.audit.page(AuditQuery(kind="delete-user"), 0, 1))[0].detail == {
        "why": ["left"]
    }


def test_entries_are_found_by_actor_user_kind_and_time(trail) -> None:
    assert kinds(trail, AuditQuery(user="bob")) == ["login", "delete-user"]
    assert kinds(trail, AuditQuery(actor="root")) == ["delete-user", "spawn-requested"]
    assert kinds(trail, AuditQuery(actor="root", user="alice")) == ["spawn-requested"]
    since, until = NOON + timedelta(minutes=1), NOON + timedelta(minutes=3)
    assert kinds(trail, AuditQuery(since=since, until=until)) == ["delete-user", "spawn-requested"]
    assert kinds(trail, offset=1, limit=2) == ["delete-user", "spawn-requested"]
    assert trail(lambda tx: tx.audit.count(AuditQuery(kind="login"))) == 2


def test_only_old_entries_are_deleted(trail) -> None:
    assert trail(lambda tx: tx.audit.purge(NOON + timedelta(minutes=2))) == 2
    assert kinds(trail) == ["login", "delete-user"]


def test_any_text_of_unauthenticated_clients_can_be_stored(stored) -> None:
    odd = "\0\ud800" + "ä" * 5000
    line = happened(0, EventKind.LOGIN_REFUSED, odd, remote_ip=odd, detail={"reason": odd, "of": {1, 2}})
    stored(lambda tx: tx.audit.add([line]))
    found = stored(lambda tx: tx.audit.page(AuditQuery(), 0, 1))[0]
    assert found.user.startswith("\ufffd?ä")
    assert len(found.user) == 255
    assert len(found.detail["beginning"]) == 4000


def test_the_hub_as_a_whole_is_counted(stored) -> None:
    def make(tx):
        for name, days in (("alice", 0), ("bob", 3), ("carol", 20), ("dora", 90)):
            tx.users.update(tx.users.create(name).id, last_activity=NOON - timedelta(days=days, minutes=1))
        tx.users.create("eve")
        return tx.hub_counts(NOON)

    numbers = stored(make)
    assert numbers.users == 5
    assert numbers.active_users == {"24h": 1, "7d": 2, "30d": 3, "window": 1}
    short = stored(lambda tx: tx.hub_counts(NOON, window=timedelta(seconds=59)))
    assert short.active_users["window"] == 0
    assert (numbers.running_servers, numbers.starts_queued) == (0, 0)
    assert numbers.operations == {"start": 0, "stop": 0}
    assert stored(lambda tx: tx.hub_counts(NOON, active_users=False)).active_users == {}
