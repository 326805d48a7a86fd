"""Announcements of stops, which cullers make and users read."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from plughub.domain.clock import utcnow
from plughub.domain.errors import InvalidError
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import LONGEST_RUN_SECONDS
from plughub.storage.store import Store

MAX_REASON: Final = 200
"""Characters of a reason."""


class AnnouncedStops:
    """Stores when running servers will be stopped. The hub itself stops none of them.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def announce(self, server: ServerRecord, at: datetime | None, reason: str = "") -> None:
        """Store when and why a server will be stopped, in place of an earlier announcement.

        Args:
            server: the running server.
            at: when; None to withdraw the announcement.
            reason: one sentence for the user; may be empty.

        Raises:
            InvalidError: the time or the reason is not valid, or the server does not run.
        """
        if at is not None and not 0 <= (at - utcnow()).total_seconds() <= LONGEST_RUN_SECONDS:
            raise InvalidError("an announced stop must be in the future, and at most ten years ahead")
        if len(reason) > MAX_REASON:
            raise InvalidError(f"the reason must have at most {MAX_REASON} characters")
        moment = None if at is None else at.timestamp()
        stored = await self._store.write(lambda tx: tx.servers.announce_stop(server, moment, reason))
        if not stored and at is not None:
            raise InvalidError(f"{server.full_name} is not running")
