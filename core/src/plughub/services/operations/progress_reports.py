"""Progress that a plugin reports while it starts a server."""

from __future__ import annotations

import asyncio
import logging

from plughub.domain.errors import HubError
from plughub.kinds import Server
from plughub.plugin.failure_log import log_failure
from plughub.plugin.hooks import Hooks
from plughub.services.operations.job import Job

log = logging.getLogger("plughub.start")


class ProgressReporter:
    """Forwards the progress of one start, from the launch until the server answers.

    Args:
        hooks: the hooks.
        job: the start.
    """

    def __init__(self, hooks: Hooks, job: Job) -> None:
        self._hooks = hooks
        self._job = job
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, view: Server) -> None:
        """Start forwarding, unless it has started; the launch must have begun."""
        if not self._tasks:
            work = (self._forward(view), self._job.flush_periodically())
            self._tasks = [asyncio.create_task(task) for task in work]

    async def close(self) -> None:
        """Stop forwarding, whether or not the plugin has finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, view: Server) -> None:
        report = self._hooks.progress(self._job.operation.backend, view)
        if report is None:
            return
        try:
            async for step in report:
                if step.state is not None:
                    await self._job.save_state(step.state)
                await self._job.report(step.message, step.percent, step.html)
        except HubError as error:
            message = "progress reports for the %s ended early: %s"
            log_failure(log, logging.WARNING, error, message, self._job.title)
        except Exception:
            log.exception("progress reports for the %s ended early", self._job.title)
