"""The audit trail, kept in the database."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection
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
"""Entries kept in memory while the database is unavailable; older ones are moved to the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Page of the audit trail.

    Attributes:
        entries: entries, the newest first.
        total: entries on all pages.
    """

    entries: list[AuditEntry]
    total: int


class AuditTrail:
    """Stores events in the audit trail. A built-in plugin, called like any other.

    Requests never wait for it: entries are collected briefly and stored together. `finish` stores the rest
    at shutdown; a process that is killed loses the last moment.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[AuditEntry] = deque()
        self._wakeup = asyncio.Event()

    @hookimpl
    async def hub_event(self, event: Event) -> None:
        """Add an event."""
        if len(self._waiting) >= WAITING:
            self._log_lost(1)
        self._waiting.append(entry_of(event))
        self._wakeup.set()

    async def run(self) -> None:
        """Store entries until cancelled."""
        while True:
            await self._wakeup.wait()
            await asyncio.sleep(AUDIT_GATHER_SECONDS)
            self._wakeup.clear()
            try:
                await self._flush()
            except HubError as error:
                log.warning("cannot store the audit trail yet: %s", error)
                self._wakeup.set()
                await asyncio.sleep(AUDIT_RETRY_SECONDS)

    async def finish(self) -> None:
        """Store the remaining entries; what cannot be stored is written to the log."""
        try:
            await self._flush()
        except HubError as error:
            log.error("cannot store the end of the audit trail: %s", error)
            self._log_lost(len(self._waiting))

    async def page(self, query: AuditQuery, offset: int, limit: int) -> AuditPage:
        """Return a page of the entries that match a query.

        Args:
            query: conditions.
            offset: entries before the page.
            limit: largest number of entries on the page.
        """

        def work(tx: Transaction) -> AuditPage:
            return AuditPage(entries=tx.audit.page(query, offset, limit), total=tx.audit.count(query))

        return await self._store.read(work)

    async def newest(self, query: AuditQuery, limit: int) -> list[AuditEntry]:
        """Return the newest entries that match a query."""
        return await self._store.read(lambda tx: tx.audit.page(query, 0, limit))

    async def kinds(self) -> list[str]:
        """Return the kinds of the stored entries."""
        return await self._store.read(lambda tx: tx.audit.kinds())

    async def _flush(self) -> None:
        while self._waiting:
            lines = [self._waiting[number] for number in range(min(AT_ONCE, len(self._waiting)))]
            await self._store.write(lambda tx, lines=lines: _add(tx, lines))  # type: ignore[misc]
            for _ in lines:
                self._waiting.popleft()

    def _log_lost(self, number: int) -> None:
        for _ in range(number):
            log.error("missing from the audit trail: %r", self._waiting.popleft())


def _add(tx: Transaction, entries: Collection[AuditEntry]) -> None:
    tx.audit.add(entries)
    tx.changes.add("audit", "")
