"""Invalidation: what a change makes stale, in this process or in another one."""

from __future__ import annotations

from plughub.domain.activity_snapshot import ActivitySnapshot
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.hub_services.health_checks import ServiceChecks
from plughub.services.operations.runner import Runner
from plughub.services.tokens.principals import PrincipalCache


class Invalidation:
    """Report changes to the parts of this process that keep answers of the database.

    Args:
        cache: of principals.
        change_feed: knows whether anything may have changed.
        runner: looks for work when there is any.
        checks: of services.
    """

    def __init__(
        self, cache: PrincipalCache, change_feed: ChangeFeed, runner: Runner, checks: ServiceChecks
    ) -> None:
        self._cache = cache
        self._pulse = change_feed
        self._runner = runner
        self._checks = checks

    def changed(self, changes: list[tuple[str, str]]) -> None:
        """Report changes.

        Args:
            changes: topic and key of each.
        """
        self._cache.changed(changes)
        self._pulse.changed()
        self._checks.changed(changes)

    def missed(self) -> None:
        """Report that changes may have been missed."""
        self._cache.clear()
        self._pulse.changed()
        self._checks.changed([("service", "")])

    def heard(self, until: float) -> None:
        """Report that all changes of other processes have been passed on.

        Args:
            until: made before this time of the monotonic clock.
        """
        self._cache.heard(until)

    def felt(self, activity_snapshot: ActivitySnapshot, at: float) -> None:
        """Report a snapshot of the hub's activity.

        Args:
            activity_snapshot: the snapshot.
            at: when it was asked for, by the monotonic clock.
        """
        self._pulse.beat(activity_snapshot, at)
        self._runner.told(free=activity_snapshot.has_unclaimed)
