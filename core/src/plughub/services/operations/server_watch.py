"""Waiting for servers to change: one read serves all who wait, however many they are."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection
from dataclasses import replace

from plughub.domain.errors import HubError
from plughub.domain.servers import ServerRecord, Status
from plughub.domain.timings import UNDO_WAIT_SECONDS, WATCH_GATHER_SECONDS, WATCH_POLL_SECONDS
from plughub.storage.store import Store

log = logging.getLogger("plughub.watching")


class ServerWatch:
    """Knows which servers this process has changed since somebody looked."""

    def __init__(self) -> None:
        self.version = 0
        self.woken = asyncio.Event()
        self._changed: set[int] = set()

    def changed(self, server_id: int) -> None:
        """Wake whoever waits for a server.

        Args:
            server_id: its key.
        """
        self.version += 1
        self._changed.add(server_id)
        self.woken.set()

    def forget(self, server_id: int) -> None:
        """Wake nobody for what has changed so far of a server.

        Args:
            server_id: its key.
        """
        self._changed.discard(server_id)

    def take(self) -> set[int]:
        """Give the servers that were changed, and begin anew.

        Returns:
            Their keys.
        """
        changed, self._changed = self._changed, set()
        self.woken.clear()
        return changed


class _Subscriber:
    """One who waits, and what was seen last."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.seen: ServerRecord | Exception | None = None


class ServerSubscription:
    """Tells all who wait for servers how they are.

    Args:
        store: the storage.
        server_watch: know what this process has changed.
    """

    def __init__(self, store: Store, server_watch: ServerWatch) -> None:
        self._store = store
        self._watchers = server_watch
        self._seats: defaultdict[int, set[_Subscriber]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    async def follow(self, server_id: int, *, known: bool = False) -> AsyncGenerator[ServerRecord, None]:
        """Follow a server: as it is now, then whenever it may have changed.

        Args:
            server_id: its key.
            known: how it is now is known: begin with its next change.

        Yields:
            The server; the last time when it was deleted.

        Raises:
            HubError: the storage does not answer.
        """
        seat = _Subscriber()
        if known and not self._seats.get(server_id):
            self._watchers.forget(server_id)
        if not known:
            self._watchers.changed(server_id)
        self._seats[server_id].add(seat)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_for_ever(), name="following")
        try:
            while True:
                await seat.news.wait()
                seat.news.clear()
                if isinstance(seat.seen, Exception):
                    raise seat.seen
                if seat.seen is None:
                    return
                yield seat.seen
        finally:
            self._leave(server_id, seat)

    async def wait(self, server: ServerRecord, seconds: float, *, told: bool = False) -> ServerRecord:
        """Wait until nothing is being done to a server, but not for ever.

        A start that failed is not waited for any more when what is left of it takes long to be gone.

        Args:
            server: which.
            seconds: how long at most.
            told: this process is doing what is being done to it, and will tell that it has ended.

        Returns:
            The server as it is then.
        """
        until = time.monotonic() + seconds
        failed = False
        known = told and seconds > WATCH_POLL_SECONDS
        async with contextlib.aclosing(self.follow(server.id, known=known)) as seen:
            async for current in seen:
                server, operation = current, current.operation
                if server.failed_start and not failed:
                    failed, until = True, min(until, time.monotonic() + UNDO_WAIT_SECONDS)
                if operation is None or operation.again_at or time.monotonic() >= until:
                    return server
        return replace(server, operation=None, status=Status.STOPPED)

    def _leave(self, server_id: int, seat: _Subscriber) -> None:
        self._seats[server_id].discard(seat)
        if not self._seats[server_id]:
            del self._seats[server_id]
        if not self._seats and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        next_look = loop.time() + WATCH_POLL_SECONDS
        while True:
            changed = self._watchers.take() & self._seats.keys()
            if loop.time() >= next_look:
                changed, next_look = set(self._seats), loop.time() + WATCH_POLL_SECONDS
            if changed:
                await self._look(changed)
                await asyncio.sleep(WATCH_GATHER_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_look):
                    await self._watchers.woken.wait()

    async def _look(self, keys: Collection[int]) -> None:
        # Who sits down while this is read waits for the next one, which begins after that.
        seated = [(key, seat) for key in keys for seat in self._seats[key]]
        found: dict[int, ServerRecord] = {}
        failed: Exception | None = None
        try:
            servers = await self._store.read(lambda tx: tx.servers.by_ids(list(keys)))
            found = {server.id: server for server in servers}
        except HubError as error:
            failed = error
        except Exception as error:
            log.exception("servers could not be looked at")
            failed = error
        for key, seat in seated:
            seat.seen = failed or found.get(key)
            seat.news.set()
