"""News for plugins, told in order and off the path of the request."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from plughub.domain.clock import utcnow
from plughub.domain.events import THE_HUB, Actor, Event, EventKind
from plughub.plugin.hooks import Hooks

log = logging.getLogger("plughub.events")
BACKLOG: Final = 10_000
"""Events that wait for one plugin; further ones are dropped."""


class EventPublisher:
    """Tells plugins what happened: each one event after the other, and none waits for another plugin.

    Args:
        hooks: the hooks.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._queues: dict[str, asyncio.Queue[Event]] = {}

    def tell(
        self, kind: EventKind, user: str, server: str | None = None, *, by: Actor = THE_HUB, **facts: Any
    ) -> None:
        """Tell that something happened; returns at once.

        Args:
            kind: what.
            user: to whom; empty for the hub as a whole.
            server: name of the server.
            by: who did it.
            facts: ``detail`` of the event.
        """
        event = Event(
            kind=kind,
            at=utcnow(),
            user=user,
            server=server,
            actor=by.name,
            remote_ip=by.remote_ip,
            token_id=by.token_id,
            detail=facts,
        )
        for plugin in self._hooks.event_listeners:
            try:
                self._queue(plugin).put_nowait(event)
            except asyncio.QueueFull:
                log.warning("plugin %r does not keep up: event %s of %s is dropped", plugin, kind, user)

    async def run(self) -> None:
        """Tell for ever."""
        async with asyncio.TaskGroup() as group:
            for plugin in self._hooks.event_listeners:
                group.create_task(self._run(plugin))

    async def settle(self) -> None:
        """Wait until everything is told."""
        await asyncio.gather(*(queue.join() for queue in self._queues.values()))

    async def finish(self, seconds: float) -> None:
        """Wait until everything is told, but not for ever.

        Args:
            seconds: how long at most.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.settle()
        except TimeoutError:
            left = {plugin: queue.qsize() for plugin, queue in self._queues.items() if queue.qsize()}
            log.warning("events are not told any more, by plugin: %s", left)

    async def _run(self, plugin: str) -> None:
        queue = self._queue(plugin)
        while True:
            event = await queue.get()
            try:
                await self._hooks.event(event, plugin)
            finally:
                queue.task_done()

    def _queue(self, plugin: str) -> asyncio.Queue[Event]:
        if plugin not in self._queues:
            self._queues[plugin] = asyncio.Queue(BACKLOG)
        return self._queues[plugin]
