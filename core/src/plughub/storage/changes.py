"""Change feed that invalidates the caches of all hub processes."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from plughub.storage import tables

_changes = tables.changes.c
_ADD = insert(tables.changes)
# Not the start of the transaction: it may have waited for a lock for longer than readers look back.
_ADD_NOW = insert(tables.changes).values(at=func.extract("epoch", func.clock_timestamp()))
_SINCE = (
    select(_changes.id, _changes.topic, _changes.key)
    .where(_changes.at >= bindparam("since"))
    .order_by(_changes.id)
)


class Changes:
    """Change feed, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self.added: list[tuple[str, str]] = []

    def add(self, topic: str, key: str) -> None:
        """Record a change."""
        self.added.append((topic, key))
        facts = {"topic": topic, "key": key}
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(_ADD_NOW, facts)
        else:  # SQLite has one writer, which waits before its transaction begins
            self._connection.execute(_ADD, {"at": self._now, **facts})

    def since(self, at: float) -> list[tuple[int, str, str]]:
        """List number, topic and key of the changes since a time in seconds since the epoch."""
        rows = self._connection.execute(_SINCE, {"since": at})
        return [(row.id, row.topic, row.key) for row in rows]

    def purge(self, before: float) -> None:
        """Delete changes before a time in seconds since the epoch."""
        self._connection.execute(delete(tables.changes).where(tables.changes.c.at < before))
