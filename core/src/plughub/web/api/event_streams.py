"""Base class of calls that answer with server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

from plughub.domain.timings import EVENT_KEEPALIVE_SECONDS, EVENT_RETRY_MILLISECONDS
from plughub.web.api.base import APIHandler


class EventStreamHandler(APIHandler):
    """Call that answers with a stream of JSON objects."""

    _written = 0.0

    def initialize(self) -> None:
        """Create the event of a closed connection."""
        self._closed = asyncio.Event()

    def on_connection_close(self) -> None:
        """Note that the client has disconnected."""
        self._closed.set()

    @property
    def is_closed(self) -> bool:
        """Return whether the client has disconnected."""
        return self._closed.is_set()

    def begin_events(self, *, continues: bool = False) -> None:
        """Set the headers of a stream that neither browsers nor proxies keep.

        Args:
            continues: tell browsers to open the stream again soon after it has ended.
        """
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        if continues:  # JupyterHub's clients of the progress of a start know lines with data only
            self.write(f"retry: {EVENT_RETRY_MILLISECONDS}\n\n")

    async def send_event(self, event: Mapping[str, Any], key: str = "") -> None:
        """Send an event.

        Args:
            event: a JSON-able object.
            key: its id, which the browser sends when it continues the stream.

        Raises:
            StreamClosedError: the client has disconnected.
        """
        name = f"id: {key}\n" if key else ""
        self.write(f"{name}data: {json.dumps(event)}\n\n")
        self._written = time.monotonic()
        await self.flush()

    async def keep_alive(self) -> None:
        """Send an empty line if nothing was sent for long, because proxies close silent connections."""
        if time.monotonic() - self._written >= EVENT_KEEPALIVE_SECONDS:
            self.write("\n\n")
            self._written = time.monotonic()
            await self.flush()

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the client stays connected."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
