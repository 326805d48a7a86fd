"""Reports about the usage of servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from plughub.domain.activity_charts import ActivityBucket, Span
from plughub.domain.usage import Run, UsageKey, UsageQuery, UsageReport
from plughub.services.coordination.change_feed import CachedQuery, ChangeFeed
from plughub.storage.store import Store, Transaction

AT_ONCE: Final = 1000
"""Runs that are read together for an export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePage:
    """Page of runs.

    Attributes:
        runs: runs, the newest first.
        total: runs on all pages.
    """

    runs: list[Run]
    total: int


class UsageReports:
    """Reports on usage.

    Args:
        store: the storage.
        change_feed: knows whether anything may have changed.
    """

    def __init__(self, store: Store, change_feed: ChangeFeed) -> None:
        self._store = store
        self._activity = {span: CachedQuery(change_feed, partial(self._read, span)) for span in Span}

    async def activity(self, span: Span) -> list[ActivityBucket]:
        """Return the activity of the hub in each interval of a period up to now; briefly cached."""
        return await self._activity[span].get()

    async def _read(self, span: Span) -> list[ActivityBucket]:
        return await self._store.read(lambda tx: tx.runs.activity(span))

    async def report(self, query: UsageQuery, by: UsageKey) -> UsageReport:
        """Return the sums of a period by user, group, backend or profile."""
        return await self._store.read(lambda tx: tx.runs.report(query, by))

    async def page(self, query: UsageQuery, offset: int, limit: int) -> UsagePage:
        """Return a page of the runs in a period, the newest first."""

        def work(tx: Transaction) -> UsagePage:
            return UsagePage(runs=tx.runs.page(query, offset, limit), total=tx.runs.count(query))

        return await self._store.read(work)

    async def export(self, query: UsageQuery) -> AsyncIterator[list[Run]]:
        """Yield all runs in a period, the newest first, some at a time."""
        last = 0
        while True:
            found = await self._store.read(_older(query, last))
            if found:
                yield found
            if len(found) < AT_ONCE:
                return
            last = found[-1].id


def _older(query: UsageQuery, last: int) -> Callable[[Transaction], list[Run]]:
    return lambda tx: tx.runs.before(query, last, AT_ONCE)
