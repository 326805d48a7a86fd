"""The audit trail: who did what to whom, kept in the database."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Final

from plughub.domain.audit import AuditEntry, AuditQuery, entry_of
from plughub.domain.errors import HubError
from plughub.domain.events import Event
from plughub.domain.timings import AUDIT_GATHER_SECONDS, AUDIT_RETRY_SECONDS
from plughub.markers import hookimpl
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.audit")
PLUGIN: Final = "audit-trail"
AT_ONCE: Final = 500
WAITING: Final = 20_000
"""Lines that are kept in memory while the database is away; what goes beyond is written to the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """A part of the trail.

    Attributes:
        entries: lines, the newest first.
        total: lines of all pages.
    """

    entries: list[AuditEntry]
    total: int


class AuditTrail:
    """Writes down what happens. A plugin of the core, told as every other is.

    Requests never wait for it: lines are gathered for a moment and stored together. `finish` stores what
    is left at the end; a process that is killed loses what happened in its last moment.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[AuditEntry] = deque()
        self._news = asyncio.Event()

    @hookimpl
    async def hub_event(self, event: Event) -> None:
        """Take an event."""
        if len(self._waiting) >= WAITING:
            self._give_up(1)
        self._waiting.append(entry_of(event))
        self._news.set()

    async def run(self) -> None:
        """Store what happens, for ever."""
        while True:
            await self._news.wait()
            await asyncio.sleep(AUDIT_GATHER_SECONDS)
            self._news.clear()
            try:
                await self._flush()
            except HubError as error:
                log.warning("the audit trail waits for the database: %s", error)
                self._news.set()
                await asyncio.sleep(AUDIT_RETRY_SECONDS)

    async def finish(self) -> None:
        """Store what is left; what cannot be stored is written to the log."""
        try:
            await self._flush()
        except HubError as error:
            log.error("the end of the audit trail is not stored: %s", error)
            self._give_up(len(self._waiting))

    async def page(self, query: AuditQuery, offset: int, limit: int) -> AuditPage:
        """Look something up.

        Args:
            query: what is asked for.
            offset: lines before the page.
            limit: lines of the page at most.

        Returns:
            The page.
        """

        def work(tx: Transaction) -> AuditPage:
            return AuditPage(entries=tx.audit.page(query, offset, limit), total=tx.audit.count(query))

        return await self._store.read(work)

    async def _flush(self) -> None:
        while self._waiting:
            lines = [self._waiting[number] for number in range(min(AT_ONCE, len(self._waiting)))]
            await self._store.write(lambda tx, lines=lines: tx.audit.add(lines))  # type: ignore[misc]
            for _ in lines:
                self._waiting.popleft()

    def _give_up(self, number: int) -> None:
        for _ in range(number):
            log.error("not in the audit trail: %r", self._waiting.popleft())
