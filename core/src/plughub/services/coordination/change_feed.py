"""Whether anything may have changed since somebody looked: who asks this need not ask the database."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from plughub.domain.activity_snapshot import ActivitySnapshot
from plughub.domain.timings import CACHED_QUERY_SECONDS, STALE_ACTIVITY_SECONDS

T = TypeVar("T")


class ChangeFeed:
    """Told twice a second what goes on in the hub, by whichever process.

    Attributes:
        version: another number whenever anything may have changed.
    """

    def __init__(self) -> None:
        self.version = 0
        self._last: ActivitySnapshot | None = None
        self._felt = float("-inf")

    @property
    def beats(self) -> bool:
        """Whether it was told lately."""
        return time.monotonic() - self._felt < STALE_ACTIVITY_SECONDS

    @property
    def nobody_leaves(self) -> bool:
        """Whether it was told lately that no user is being deleted."""
        return self.beats and self._last is not None and not self._last.pending_deletions

    def beat(self, activity_snapshot: ActivitySnapshot, at: float) -> None:
        """Note what goes on.

        Args:
            activity_snapshot: what goes on.
            at: when that was asked, by the monotonic clock.
        """
        if activity_snapshot.open_operations or activity_snapshot != self._last:
            self.version += 1
        self._last, self._felt = activity_snapshot, at

    def changed(self) -> None:
        """Note that something changed."""
        self.version += 1


class CachedQuery(Generic[T]):
    """An answer of the database that is kept until anything may have changed.

    Args:
        change_feed: knows that.
        read: asks the database.
    """

    def __init__(self, change_feed: ChangeFeed, read: Callable[[], Awaitable[T]]) -> None:
        self._pulse = change_feed
        self._read = read
        self._answer: T | None = None
        self._version = 0
        self._until = float("-inf")

    async def get(self) -> T:
        """Give what is kept, else what the database answers.

        Returns:
            The answer.
        """
        kept = self.kept
        return kept if kept is not None else await self.fresh()

    @property
    def kept(self) -> T | None:
        """What is kept; None when something may have changed."""
        same = self._pulse.beats and self._pulse.version == self._version
        return self._answer if same and time.monotonic() < self._until else None

    async def fresh(self) -> T:
        """Ask the database.

        Returns:
            The answer, which is kept.
        """
        version, asked = self._pulse.version, time.monotonic()
        answer = await self._read()
        self._answer, self._version, self._until = answer, version, asked + CACHED_QUERY_SECONDS
        return answer

    def drop(self) -> None:
        """Keep nothing."""
        self._answer = None
