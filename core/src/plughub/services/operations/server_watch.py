"""Subscriptions to changes of servers: one database query serves all subscribers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Container, Mapping
from dataclasses import replace

from plughub.domain.errors import HubError
from plughub.domain.servers import ServerRecord, Status
from plughub.domain.timings import UNDO_WAIT_SECONDS, WATCH_GATHER_SECONDS, WATCH_POLL_SECONDS
from plughub.storage.store import Store

log = logging.getLogger("plughub.watching")


class ServerWatch:
    """Set of servers that this process has changed since the last query."""

    def __init__(self) -> None:
        self.version = 0
        self.wakeup = asyncio.Event()
        self.watched: Container[int] = ()
        self._changed: dict[int, ServerRecord | None] = {}

    def is_watched(self, server_id: int) -> bool:
        """Return whether anybody subscribes to changes of a server."""
        return server_id in self.watched

    def changed(self, server_id: int, server: ServerRecord | None = None) -> None:
        """Record a change of a server and wake its subscribers.

        Args:
            server_id: its key.
            server: the server as it is stored now; None to read it for the subscribers.
        """
        self.version += 1
        self._changed[server_id] = server
        self.wakeup.set()

    def discard(self, server_id: int) -> None:
        """Drop earlier changes of a server."""
        self._changed.pop(server_id, None)

    def take_changed(self) -> dict[int, ServerRecord | None]:
        """Return the changed servers by key, None where they have to be read, and forget them."""
        changed, self._changed = self._changed, {}
        self.wakeup.clear()
        return changed


class _Subscriber:
    """A subscriber and the last state it was sent."""

    def __init__(self, *, is_polled: bool) -> None:
        self.is_polled = is_polled
        self.updated = asyncio.Event()
        self.latest: ServerRecord | Exception | None = None


class ServerSubscriptions:
    """Sends changes of servers to subscribers.

    Args:
        store: the storage.
        server_watch: knows what this process has changed.
    """

    def __init__(self, store: Store, server_watch: ServerWatch) -> None:
        self._store = store
        self.server_watch = server_watch
        self._subscribers: defaultdict[int, set[_Subscriber]] = defaultdict(set)
        server_watch.watched = self._subscribers.keys()
        self._task: asyncio.Task[None] | None = None

    async def subscribe(
        self, server_id: int, *, skip_current: bool = False, is_polled: bool = True
    ) -> AsyncGenerator[ServerRecord, None]:
        """Yield a server as it is now, then whenever it may have changed.

        Args:
            server_id: its key.
            skip_current: begin with the next change: the caller knows the current state.
            is_polled: look for changes by other processes, too, and for places in the queue.

        Yields:
            The server, until it is deleted.

        Raises:
            HubError: the storage does not answer.
        """
        subscriber = _Subscriber(is_polled=is_polled)
        if skip_current and not self._subscribers.get(server_id):
            self.server_watch.discard(server_id)
        if not skip_current:
            self.server_watch.changed(server_id)
        self._subscribers[server_id].add(subscriber)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll(), name="server-subscriptions")
        try:
            while True:
                await subscriber.updated.wait()
                subscriber.updated.clear()
                if isinstance(subscriber.latest, Exception):
                    raise subscriber.latest
                if subscriber.latest is None:
                    return
                yield subscriber.latest
        finally:
            self._unsubscribe(server_id, subscriber)

    async def wait(self, server: ServerRecord, seconds: float, *, is_local: bool = False) -> ServerRecord:
        """Wait until no operation is in progress on a server.

        A failed start is awaited for `UNDO_WAIT_SECONDS` at most, even if its cleanup takes longer.

        Args:
            server: the server.
            seconds: longest wait.
            is_local: this process executes the operation, and so reports its end to the server watch.

        Returns:
            The server as it is then.
        """
        until = time.monotonic() + seconds
        failed = False
        known = is_local and seconds > WATCH_POLL_SECONDS
        subscription = self.subscribe(server.id, skip_current=known, is_polled=not known)
        async with contextlib.aclosing(subscription) as seen:
            while True:
                try:
                    async with asyncio.timeout_at(_on_loop(until) if known else None):
                        current = await anext(seen, None)
                except TimeoutError:
                    return server
                if current is None:
                    return replace(server, operation=None, status=Status.STOPPED)
                server, operation = current, current.operation
                if server.failed_start and not failed:
                    failed, until = True, min(until, time.monotonic() + UNDO_WAIT_SECONDS)
                if operation is None or operation.retry_at or time.monotonic() >= until:
                    return server

    def _unsubscribe(self, server_id: int, subscriber: _Subscriber) -> None:
        self._subscribers[server_id].discard(subscriber)
        if not self._subscribers[server_id]:
            del self._subscribers[server_id]
        if not self._subscribers and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        next_poll = loop.time() + WATCH_POLL_SECONDS
        while True:
            taken = self.server_watch.take_changed()
            changed = {key: server for key, server in taken.items() if self._subscribers.get(key)}
            if loop.time() >= next_poll:
                next_poll = loop.time() + WATCH_POLL_SECONDS
                changed |= {
                    key: None
                    for key, subscribers in self._subscribers.items()
                    if any(subscriber.is_polled for subscriber in subscribers)
                }
            if changed:
                await self._update(changed)
                await asyncio.sleep(WATCH_GATHER_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_poll):
                    await self.server_watch.wakeup.wait()

    async def _update(self, changed: Mapping[int, ServerRecord | None]) -> None:
        # A subscriber that is added during this query is served by the next one.
        subscribers = [(key, subscriber) for key in changed for subscriber in self._subscribers[key]]
        found = {key: server for key, server in changed.items() if server is not None}
        unread = [key for key in changed if key not in found]
        failed: Exception | None = None
        try:
            servers = await self._store.read(lambda tx: tx.servers.by_ids(unread)) if unread else []
            found |= {server.id: server for server in servers}
        except HubError as error:
            failed = error
        except Exception as error:
            log.exception("cannot read servers")
            failed = error
        for key, subscriber in subscribers:
            subscriber.latest = found.get(key, failed)
            subscriber.updated.set()


def _on_loop(until: float) -> float:
    """Convert a monotonic time to that of the running event loop."""
    return until - time.monotonic() + asyncio.get_running_loop().time()
