"""Watch for ended servers: until the route of an ended server is gone, any user can take its port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

from plughub.processes import ProcessIdentity
from plughub_localprocess.address_guard import AddressGuard, GuardedServer


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
        self._guard = AddressGuard()
        self._interval = 0.0
        self._is_guarding = asyncio.Event()

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

    def guard(self, process: ProcessIdentity, server: GuardedServer, interval: float) -> None:
        """Check regularly that no other socket listens at the address of a watched process. Thread-safe.

        Args:
            process: process of a server; nothing is done unless it is watched.
            server: the server, which was just verified.
            interval: seconds between two checks, the same for all.
        """
        with self._lock:
            loop = self._loop
            if loop is not None and interval and process in self._watched:
                self._interval = interval
                self._guard.add(process, server)
                loop.call_soon_threadsafe(self._is_guarding.set)

    def reports(self, process: ProcessIdentity) -> bool:
        """Return whether the end of a process and another listener at its address would be reported."""
        return self._loop is not None and process in self._watched and process in self._guard

    async def ended(self) -> AsyncIterator[str]:
        """Yield the operation of each watched process that ends, or has another socket at its address."""
        with self._lock:
            self._loop, self._ended = asyncio.get_running_loop(), asyncio.Queue()
            self._is_guarding = asyncio.Event()
        checks = asyncio.create_task(self._check_addresses())
        try:
            while True:
                yield await self._ended.get()
        finally:
            with self._lock:
                self._loop = None
                self._guard.clear()
            checks.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await checks
            for process in list(self._watched):
                self._close(process)

    async def _check_addresses(self) -> None:
        ended = self._ended
        while True:
            await self._is_guarding.wait()
            await asyncio.sleep(self._interval)
            for operation in await asyncio.to_thread(self._guard.check):
                ended.put_nowait(operation)

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
        self._guard.remove(process)
        descriptor = self._watched.pop(process)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


_WATCHES: Final[dict[str, ExitWatch]] = {}


def watch_of(plugin: str) -> ExitWatch:
    """Return the watch of a plugin, one for this hub process."""
    return _WATCHES.setdefault(plugin, ExitWatch())
