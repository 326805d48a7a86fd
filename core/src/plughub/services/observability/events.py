"""Delivery of events to plugins, in order and outside of requests."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from plughub.domain.clock import utcnow
from plughub.domain.events import THE_HUB, Actor, Event, EventKind
from plughub.plugin.hooks import Hooks

log = logging.getLogger("plughub.events")
BACKLOG: Final = 10_000
"""Largest number of events queued for one plugin; further ones are dropped."""


class EventPublisher:
    """Publishes events to plugins: in order for each plugin, and independently of the others.

    Args:
        hooks: the hooks.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._queues: dict[str, asyncio.Queue[Event]] = {}

    def publish(
        self, kind: EventKind, user: str, server: str | None = None, *, by: Actor = THE_HUB, **facts: Any
    ) -> None:
        """Queue an event for all plugins and return at once.

        Args:
            kind: what happened.
            user: the user concerned; empty for the hub as a whole.
            server: name of the server.
            by: the actor.
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
                log.warning("dropping event %s of %s for plugin %r: its queue is full", kind, user, plugin)

    async def run(self) -> None:
        """Deliver events until cancelled."""
        async with asyncio.TaskGroup() as group:
            for plugin in self._hooks.event_listeners:
                group.create_task(self._run(plugin))

    async def drain(self) -> None:
        """Wait until all events are delivered."""
        await asyncio.gather(*(queue.join() for queue in self._queues.values()))

    async def finish(self, seconds: float) -> None:
        """Wait until all events are delivered, for a limited time."""
        try:
            async with asyncio.timeout(seconds):
                await self.drain()
        except TimeoutError:
            undelivered = {plugin: queue.qsize() for plugin, queue in self._queues.items() if queue.qsize()}
            log.warning("shutting down with undelivered events, by plugin: %s", undelivered)

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
