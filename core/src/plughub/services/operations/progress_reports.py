"""Passing on what a plugin reports while it starts a server."""

from __future__ import annotations

import asyncio
import logging

from plughub.domain.errors import HubError
from plughub.kinds import Server
from plughub.plugin.hooks import Hooks
from plughub.services.operations.job import Job

log = logging.getLogger("plughub.start")


class Reporter:
    """Passes the report of one start on, from the launch until the server answers.

    Args:
        hooks: the hooks.
        job: the start.
    """

    def __init__(self, hooks: Hooks, job: Job) -> None:
        self._hooks = hooks
        self._job = job
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, view: Server) -> None:
        """Begin, unless that was done before; the launch must have begun.

        Args:
            view: the server as the plugin sees it.
        """
        if not self._tasks:
            work = (self._pass_on(view), self._job.keep_flushing())
            self._tasks = [asyncio.create_task(task) for task in work]

    async def close(self) -> None:
        """End, whether the plugin has said everything or not."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, view: Server) -> None:
        report = self._hooks.progress(self._job.operation.backend, view)
        if report is None:
            return
        try:
            async for step in report:
                await self._job.report(step.message, step.percent, step.html)
        except HubError as error:
            log.warning("the report of plugin %r is cut short: %s", self._job.operation.backend, error)
        except Exception:
            log.exception("the report of plugin %r ended", self._job.operation.backend)
