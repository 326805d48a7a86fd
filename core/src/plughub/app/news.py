"""Passing on what changed, in this process or in another one."""

from __future__ import annotations

from collections.abc import Callable

from plughub.domain.motion import Motion
from plughub.services.hub_services.checks import ServiceChecks
from plughub.services.operations.runner import Runner
from plughub.services.processes.pulse import Pulse
from plughub.services.tokens.principals import PrincipalCache

Changed = Callable[[list[tuple[str, str]]], None]
Heard = Callable[[float], None]
Felt = Callable[[Motion, float], None]
Missed = Callable[[], None]


class News:
    """Tells the parts of this process what they need not ask the database for.

    Args:
        cache: forgets what a change makes wrong.
        pulse: knows whether anything may have changed.
        runner: looks for work when there is any.
        checks: look at services that changed.
    """

    def __init__(self, cache: PrincipalCache, pulse: Pulse, runner: Runner, checks: ServiceChecks) -> None:
        self._cache = cache
        self._pulse = pulse
        self._runner = runner
        self._checks = checks

    @property
    def listeners(self) -> tuple[Changed, Heard, Felt, Missed]:
        """What `Membership` tells, in its order."""
        return self.changed, self.heard, self.felt, self.missed

    def changed(self, changes: list[tuple[str, str]]) -> None:
        """Pass on changes.

        Args:
            changes: topic and key of each.
        """
        self._cache.changed(changes)
        self._pulse.changed()
        self._checks.changed(changes)

    def missed(self) -> None:
        """Pass on that changes may have been missed."""
        self._cache.clear()
        self._pulse.changed()
        self._checks.changed([("service", "")])

    def heard(self, until: float) -> None:
        """Pass on that all changes of other processes were passed on.

        Args:
            until: made before that time of the monotonic clock.
        """
        self._cache.heard(until)

    def felt(self, motion: Motion, at: float) -> None:
        """Pass on what goes on.

        Args:
            motion: what goes on.
            at: when that was asked, by the monotonic clock.
        """
        self._pulse.beat(motion, at)
        self._runner.told(free=motion.free)
