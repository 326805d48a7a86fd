"""Learn at once that a server has ended: until its route is gone, any user can take its port."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

from plughub.processes import ProcessIdentity


class EndWatch:
    """Watches the processes of one plugin, one descriptor each.

    Source:
        ``pidfd_open(2)``: the descriptor can be read from when the process ends. Where the system has no
        such thing, or no descriptor is left, the regular poll has to do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Queue[str] = asyncio.Queue()
        self._watched: dict[ProcessIdentity, int] = {}

    def add(self, process: ProcessIdentity, operation: str) -> None:
        """Watch a process, unless that is done already or no caller waits. For any thread.

        Args:
            process: the process of a server.
            operation: the start that launched it.
        """
        with self._lock:
            loop = self._loop
            if loop is not None and process not in self._watched:
                loop.call_soon_threadsafe(self._open, process, operation)

    async def ended(self) -> AsyncIterator[str]:
        """Report the ends of processes.

        Yields:
            The operation that launched it.
        """
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
        else:  # the number may be another process's by now
            self._note(process, operation)

    def _note(self, process: ProcessIdentity, operation: str) -> None:
        self._close(process)
        self._ended.put_nowait(operation)

    def _close(self, process: ProcessIdentity) -> None:
        descriptor = self._watched.pop(process)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


_WATCHES: Final[dict[str, EndWatch]] = {}


def watch_of(plugin: str) -> EndWatch:
    """Return the watch of a plugin in this hub process.

    Args:
        plugin: its name.

    Returns:
        Always the same.
    """
    return _WATCHES.setdefault(plugin, EndWatch())
