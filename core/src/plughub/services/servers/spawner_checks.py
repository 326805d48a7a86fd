"""Checks whether spawners can start servers at present."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping

from plughub.domain.errors import HubError
from plughub.domain.timings import SPAWNER_CHECK_SECONDS, SPAWNER_CHECK_WAIT_SECONDS
from plughub.domain.words import _
from plughub.kinds import Diagnosis
from plughub.plugin.failure_log import log_failure
from plughub.plugin.hooks import Hooks

log = logging.getLogger("plughub.spawner")
UNANSWERED = Diagnosis(
    _("It does not answer at present. Try again in a few minutes."),
    detail=f"hub_check_spawner did not answer within {SPAWNER_CHECK_WAIT_SECONDS:g} s",
)


class SpawnerChecks:
    """Asks spawners whether they can start servers. Many pages share one check.

    Args:
        hooks: the hooks.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._checks: dict[str, tuple[float, asyncio.Task[Diagnosis | None]]] = {}

    async def problems(self, spawners: Iterable[str]) -> Mapping[str, Diagnosis]:
        """Return why spawners cannot start servers; without those that can.

        The answer takes two seconds at most.

        Args:
            spawners: names of active spawners.
        """
        tasks = {name: self._check(name) for name in spawners}
        await asyncio.wait(tasks.values(), timeout=SPAWNER_CHECK_WAIT_SECONDS)
        found = {name: task.result() if task.done() else UNANSWERED for name, task in tasks.items()}
        return {name: why for name, why in found.items() if why is not None}

    def _check(self, spawner: str) -> asyncio.Task[Diagnosis | None]:
        now = time.monotonic()
        since, task = self._checks.get(spawner, (0.0, None))
        if task is None or (task.done() and since < now - SPAWNER_CHECK_SECONDS):
            task = asyncio.create_task(self._ask(spawner))
            self._checks[spawner] = now, task
        return task

    async def _ask(self, spawner: str) -> Diagnosis | None:
        try:
            return await self._hooks.check_spawner(spawner)
        except HubError as error:
            log_failure(log, logging.WARNING, error)
            return Diagnosis(UNANSWERED.message, detail=str(error))
