"""Change feed: cached answers of the database stay valid until anything may have changed.

All caches that other processes can make stale share one measure of freshness: the last read of the feed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from plughub.domain.activity_snapshot import ActivitySnapshot
from plughub.domain.timings import CACHED_QUERY_SECONDS, CHANGE_FEED_TRUST_SECONDS

T = TypeVar("T")


class ChangeFeed:
    """Detects changes of any process by snapshots of the hub's activity, taken twice a second.

    Attributes:
        version: differs whenever anything may have changed.
    """

    def __init__(self) -> None:
        self.version = 0
        self._last: ActivitySnapshot | None = None
        self._updated_at = float("-inf")

    @property
    def is_current(self) -> bool:
        """True when the last read is recent."""
        return time.monotonic() - self._updated_at < CHANGE_FEED_TRUST_SECONDS

    @property
    def is_overdue(self) -> bool:
        """True when the feed was read before, but not recently; False before the first read."""
        return self._last is not None and not self.is_current

    @property
    def has_no_pending_deletions(self) -> bool:
        """True when a recent snapshot showed no pending deletion of users."""
        return self.is_current and self._last is not None and not self._last.pending_deletions

    def update(self, activity_snapshot: ActivitySnapshot, at: float) -> None:
        """Compare a snapshot of the hub's activity with the last one.

        Args:
            activity_snapshot: the snapshot.
            at: when it was requested, by the monotonic clock.
        """
        if activity_snapshot.open_operations or activity_snapshot != self._last:
            self.version += 1
        self._last, self._updated_at = activity_snapshot, at

    def changed(self) -> None:
        """Record that something changed."""
        self.version += 1


class CachedQuery(Generic[T]):
    """Answer of a database query that is cached until anything may have changed.

    Args:
        change_feed: detects changes.
        read: queries the database.
        seconds: longest life of the answer, even if the change feed reports no change.
    """

    def __init__(
        self,
        change_feed: ChangeFeed,
        read: Callable[[], Awaitable[T]],
        seconds: float = CACHED_QUERY_SECONDS,
    ) -> None:
        self._change_feed = change_feed
        self._read = read
        self._seconds = seconds
        self._answer: T | None = None
        self._version = 0
        self._until = float("-inf")

    async def get(self) -> T:
        """Return the cached answer, or query the database."""
        cached = self.cached
        return cached if cached is not None else await self.refresh()

    @property
    def cached(self) -> T | None:
        """Cached answer; None when something may have changed."""
        same = self._change_feed.is_current and self._change_feed.version == self._version
        return self._answer if same and time.monotonic() < self._until else None

    async def refresh(self) -> T:
        """Query the database and cache the answer."""
        version, requested_at = self._change_feed.version, time.monotonic()
        answer = await self._read()
        self._answer, self._version, self._until = answer, version, requested_at + self._seconds
        return answer

    def clear(self) -> None:
        """Discard the cached answer."""
        self._answer = None
