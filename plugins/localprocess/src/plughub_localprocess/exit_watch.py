"""Watch for ended servers: until the route of an ended server is gone, any user can take its port."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

from plughub.processes import ProcessIdentity


class ExitWatch:
    """Watch of one plugin's processes, with one descriptor each.

    Where the system has no process descriptors, or none is left, the regular poll detects the end.

    Source:
        ``pidfd_open(2)``: the descriptor becomes readable when the process ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Queue[str] = asyncio.Queue()
        self._watched: dict[ProcessIdentity, int] = {}

    def add(self, process: ProcessIdentity, operation: str) -> None:
        """Watch a process, unless it is watched already or no caller waits. Thread-safe.

        Args:
            process: process of a server.
            operation: operation id of its start.
        """
        with self._lock:
            loop = self._loop
            if loop is not None and process not in self._watched:
                loop.call_soon_threadsafe(self._open, process, operation)

    async def ended(self) -> AsyncIterator[str]:
        """Yield the operation of each watched process that ends."""
        with self._lock:
            self._loop, self._ended = asyncio.get_running_loop(), asyncio.Queue()
        try:
            while True:
                yield await self._ended.get()
        finally:
            with self._lock:
                self._loop = None
            for process in list(self._watched):
                self._close(process)

    def _open(self, process: ProcessIdentity, operation: str) -> None:
        if self._loop is None or process in self._watched:
            return
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            self._ended.put_nowait(operation)
            return
        except (AttributeError, OSError):
            return
        self._watched[process] = descriptor
        if process.is_running():
            asyncio.get_running_loop().add_reader(descriptor, self._note, process, operation)
        else:  # the number may belong to another process by now
            self._note(process, operation)

    def _note(self, process: ProcessIdentity, operation: str) -> None:
        self._close(process)
        self._ended.put_nowait(operation)

    def _close(self, process: ProcessIdentity) -> None:
        descriptor = self._watched.pop(process)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


_WATCHES: Final[dict[str, ExitWatch]] = {}


def watch_of(plugin: str) -> ExitWatch:
    """Return the watch of a plugin, one for this hub process."""
    return _WATCHES.setdefault(plugin, ExitWatch())
