"""Waiting for a server to change, without asking the database more often than needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict


class Watchers:
    """Wakes those who wait for a server. What happens in other processes they find by looking."""

    def __init__(self) -> None:
        self.version = 0
        self._events: defaultdict[int, set[asyncio.Event]] = defaultdict(set)

    def changed(self, server_id: int) -> None:
        """Wake whoever waits for a server.

        Args:
            server_id: its key.
        """
        self.version += 1
        for event in self._events.get(server_id, ()):
            event.set()

    @contextlib.contextmanager
    def watch(self, server_id: int):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """Watch a server.

        Args:
            server_id: its key.

        Yields:
            An event that is set whenever the server changes; the watcher clears it.
        """
        event = asyncio.Event()
        self._events[server_id].add(event)
        try:
            yield event
        finally:
            self._events[server_id].discard(event)
            if not self._events[server_id]:
                del self._events[server_id]
