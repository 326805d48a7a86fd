"""The announcement on all pages, stored in the database so that it changes without a restart."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from plughub.domain.announcements import Announcement, check_announcement, unpack_announcement
from plughub.domain.timings import ANNOUNCEMENT_SECONDS
from plughub.storage.store import Store, Transaction

TOPIC: Final = "announcement"
"""Topic in the change feed, and name of the stored fact."""


class Announcements:
    """Reads and changes the announcement; every process has it in memory.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._current: Announcement | None = None
        self._read_at = float("-inf")
        self._version = 0

    async def current(self) -> Announcement | None:
        """Return the announcement that pages show; None if there is none."""
        now = time.monotonic()
        if now - self._read_at > ANNOUNCEMENT_SECONDS:
            version = self._version
            found = await self._store.read(lambda tx: unpack_announcement(tx.settings.get(TOPIC)))
            self._current = found
            if version == self._version:  # otherwise it changed during the query
                self._read_at = now
        found = self._current
        return found if found is not None and found.is_shown(time.time()) else None

    async def set(self, message: str, severity: str, until: float | None, by: str) -> Announcement:
        """Replace the announcement.

        Args:
            message: plain text.
            severity: name of a `Tone`; empty for the usual one.
            until: end in seconds since the epoch; None for no end.
            by: who makes it.

        Raises:
            InvalidError: a value is invalid.
        """
        new = replace(check_announcement(message, severity, until, time.time()), by=by)

        def work(tx: Transaction) -> None:
            tx.settings.set(TOPIC, new.packed())
            tx.changes.add(TOPIC, "")

        await self._store.write(work)
        return new

    async def remove(self) -> None:
        """Remove the announcement."""

        def work(tx: Transaction) -> None:
            tx.settings.delete(TOPIC)
            tx.changes.add(TOPIC, "")

        await self._store.write(work)

    def changed(self, changes: Iterable[tuple[str, str]]) -> None:
        """Read the announcement again when it changed.

        Args:
            changes: topic and key of each.
        """
        if any(topic == TOPIC for topic, _ in changes):
            self.clear()

    def clear(self) -> None:
        """Read the announcement again."""
        self._version += 1
        self._read_at = float("-inf")
