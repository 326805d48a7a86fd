"""Invalidation of cached database answers after changes in this or another process."""

from __future__ import annotations

from typing import Final

from plughub.domain.activity_snapshot import ActivitySnapshot
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.coordination.live_updates import LiveUpdates
from plughub.services.hub_services.health_checks import ServiceChecks
from plughub.services.insight.announcements import Announcements
from plughub.services.operations.runner import Runner
from plughub.services.tokens.principals import PrincipalCache

_UNCACHED: Final = frozenset({"audit", "announcement"})
"""Topics on which no cached query depends."""


class Invalidation:
    """Reports changes to the parts of this process that cache answers of the database.

    Args:
        cache: cached principals.
        change_feed: knows whether anything may have changed.
        runner: claims operations when there are any.
        checks: health checks of services.
        live_updates: tells open pages what has changed.
        announcements: the announcement on all pages.
    """

    def __init__(
        self,
        cache: PrincipalCache,
        change_feed: ChangeFeed,
        runner: Runner,
        checks: ServiceChecks,
        live_updates: LiveUpdates,
        announcements: Announcements,
    ) -> None:
        self._cache = cache
        self._change_feed = change_feed
        self._runner = runner
        self._checks = checks
        self._live_updates = live_updates
        self._announcements = announcements

    def changed(self, changes: list[tuple[int, str, str]]) -> None:
        """Report changes, each with its number, topic and key."""
        self._cache.changed(changes)
        if any(topic not in _UNCACHED for _, topic, _ in changes):
            self._change_feed.changed()
        self._checks.changed([(topic, key) for _, topic, key in changes])
        self._live_updates.changed(changes)
        self._announcements.changed([(topic, key) for _, topic, key in changes])

    def changes_missed(self) -> None:
        """Report that changes may have been missed."""
        self._cache.clear()
        self._change_feed.changed()
        self._checks.changed([("service", "")])
        self._live_updates.changes_missed()
        self._announcements.clear()

    def snapshot_received(self, activity_snapshot: ActivitySnapshot, at: float) -> None:
        """Report a snapshot of the hub's activity; earlier changes have been reported.

        Args:
            activity_snapshot: the snapshot.
            at: when it was requested, by the monotonic clock.
        """
        self._change_feed.update(activity_snapshot, at)
        self._runner.notify(free=activity_snapshot.has_unclaimed)
