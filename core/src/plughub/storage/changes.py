"""Change feed that invalidates the caches of all hub processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Unicode,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
)

from plughub.storage import tables
from plughub.storage.compiled_query import CompiledQuery, CompiledWrite

_changes = tables.changes.c
# Not the start of the transaction: it may have waited for a lock for longer than readers look back.
_NOW = func.extract("epoch", func.clock_timestamp())
_CLOCK = CompiledQuery(select(_NOW.label("now")))
_INSERT = insert(tables.changes).returning(_changes.id)
_ADD, _ADD_NOW = CompiledWrite(_INSERT), CompiledWrite(_INSERT.values(at=_NOW))
SERVER: Final = "server"
"""Topic of servers; the keys are those of user and server, such as ``3/17``, or empty for any servers."""


def _add_server(at: ColumnElement[Any]) -> CompiledWrite:
    spawners = tables.spawners.c
    key = cast(spawners.user_id, Unicode) + "/" + cast(spawners.id, Unicode)
    one = select(at, literal(SERVER), key).where(spawners.id == bindparam("of_server"))
    added = insert(tables.changes).from_select(["at", "topic", "key"], one, include_defaults=False)
    return CompiledWrite(added.returning(_changes.id, _changes.key))


_ADD_SERVER = _add_server(bindparam("at"))
_ADD_SERVER_NOW = _add_server(_NOW)
_SINCE = CompiledQuery(
    select(_changes.id, _changes.topic, _changes.key)
    .where(_changes.at >= bindparam("since"))
    .order_by(_changes.id)
)


def database_time(connection: Connection) -> float:
    """Return the time of PostgreSQL's clock, in seconds since the epoch."""
    return float(_CLOCK.first(connection).now)


class Changes:
    """Change feed, on one connection.

    Attributes:
        added: number, topic and key of the changes of this transaction.
    """

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self._servers: set[int] = set()
        self.added: list[tuple[int, str, str]] = []

    @property
    def _by_database_clock(self) -> bool:
        # SQLite has one writer, which waits before its transaction begins.
        return self._connection.dialect.name == "postgresql"

    def add(self, topic: str, key: str) -> None:
        """Record a change."""
        facts = {"topic": topic, "key": key}
        if self._by_database_clock:
            added = _ADD_NOW.run(self._connection, facts)
        else:
            added = _ADD.run(self._connection, {"at": self._clock(), **facts})
        self.added.append((added.first.id, topic, key))

    def add_server(self, server_id: int) -> None:
        """Record a change of a server that its readers can see, once in a transaction."""
        if server_id in self._servers:
            return
        self._servers.add(server_id)
        facts: dict[str, Any] = {"of_server": server_id}
        if self._by_database_clock:
            added = _ADD_SERVER_NOW.run(self._connection, facts)
        else:
            added = _ADD_SERVER.run(self._connection, {"at": self._clock(), **facts})
        self.added += [(row.id, SERVER, row.key) for row in added.rows]

    def since(self, at: float) -> list[tuple[int, str, str]]:
        """List number, topic and key of the changes since a time in seconds since the epoch."""
        rows = _SINCE.all(self._connection, {"since": at})
        return [(row.id, row.topic, row.key) for row in rows]

    def purge(self, before: float) -> None:
        """Delete changes before a time in seconds since the epoch."""
        self._connection.execute(delete(tables.changes).where(tables.changes.c.at < before))
