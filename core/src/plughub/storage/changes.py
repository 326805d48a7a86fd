"""News for the caches of all processes."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from plughub.storage import tables


class Changes:
    """Changes, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self.added: list[tuple[str, str]] = []

    def add(self, topic: str, key: str) -> None:
        """Tell that something changed."""
        self.added.append((topic, key))
        self._connection.execute(insert(tables.changes).values(at=self._now, topic=topic, key=key))

    def since(self, at: float) -> list[tuple[int, str, str]]:
        """List number, topic and key of the changes since a time in seconds."""
        news = tables.changes.c
        rows = self._connection.execute(
            select(news.id, news.topic, news.key).where(news.at >= at).order_by(news.id)
        )
        return [(row.id, row.topic, row.key) for row in rows]

    def purge(self, before: float) -> None:
        """Forget old changes."""
        self._connection.execute(delete(tables.changes).where(tables.changes.c.at < before))
