"""News for plugins, told in order and off the path of the request."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from plughub.domain.clock import utcnow
from plughub.domain.events import Event, EventKind
from plughub.plugin.hooks import Hooks

log = logging.getLogger("plughub.events")
BACKLOG: Final = 10_000


class EventTeller:
    """Tells plugins what happened, one event after the other.

    Args:
        hooks: the hooks.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._queue: asyncio.Queue[Event] = asyncio.Queue(BACKLOG)

    def tell(self, kind: EventKind, user: str, server: str | None = None, **facts: Any) -> None:
        """Tell that something happened; returns at once.

        Args:
            kind: what.
            user: to whom.
            server: name of the server.
            facts: ``actor``, ``remote_ip``, ``token_id``; everything else becomes ``detail``.
        """
        known = {name: facts.pop(name) for name in ("actor", "remote_ip", "token_id") if name in facts}
        event = Event(kind=kind, at=utcnow(), user=user, server=server, detail=facts, **known)
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("plugins do not keep up: event %s of %s is dropped", kind, user)

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            event = await self._queue.get()
            try:
                await self._hooks.event(event)
            finally:
                self._queue.task_done()

    async def settle(self) -> None:
        """Wait until everything is told."""
        await self._queue.join()
