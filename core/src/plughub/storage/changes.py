"""News for the caches of all processes."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from plughub.storage import tables

_changes = tables.changes.c
_ADD = insert(tables.changes)
# Not the time when the transaction began: it may have waited for a lock for longer than others look back.
_ADD_NOW = insert(tables.changes).values(at=func.extract("epoch", func.clock_timestamp()))
_SINCE = (
    select(_changes.id, _changes.topic, _changes.key)
    .where(_changes.at >= bindparam("since"))
    .order_by(_changes.id)
)


class Changes:
    """Changes, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self.added: list[tuple[str, str]] = []

    def add(self, topic: str, key: str) -> None:
        """Tell that something changed."""
        self.added.append((topic, key))
        facts = {"topic": topic, "key": key}
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(_ADD_NOW, facts)
        else:  # it has one writer, which waited before it began
            self._connection.execute(_ADD, {"at": self._now, **facts})

    def since(self, at: float) -> list[tuple[int, str, str]]:
        """List number, topic and key of the changes since a time in seconds."""
        rows = self._connection.execute(_SINCE, {"since": at})
        return [(row.id, row.topic, row.key) for row in rows]

    def purge(self, before: float) -> None:
        """Forget old changes."""
        self._connection.execute(delete(tables.changes).where(tables.changes.c.at < before))
