"""Cache of spawner instances, whose loss is harmless: the state in the database recreates them."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from plughub.classes.spawner.spawner import Spawner
from plughub.kinds import Server

Key = tuple[str, str, str]
RECENT_STOPS: Final = 256
"""Number of stops that are remembered: a poll may end after the stop of its server."""


@dataclass
class _Entry:
    """Instance, and fingerprints of the states that belong to it."""

    spawner: Spawner
    states: set[str] = field(default_factory=set)
    starts: int = 0
    used: bool = False
    unsaved: str = ""


class SpawnerCache:
    """LRU cache of the instances of one spawner class, by user, server and operation.

    No call takes longer with many instances than with few.

    Args:
        limit: maximum number of instances that are not starting a server and have no poll callbacks; those
            with callbacks have a limit ten times as high. An instance takes about 5 KB and 0.2 ms to make.
            Polls use all in turn, so that a hub with more running servers makes each one again.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._watched: OrderedDict[Key, _Entry] = OrderedDict()  # found to have poll callbacks
        self._stops: deque[Key] = deque(maxlen=RECENT_STOPS)

    def find(self, server: Server) -> Spawner | None:
        """Return the instance of a server; None if another process has changed the server's state meanwhile.

        Args:
            server: record of the server, with the state that the hub knows.
        """
        entry = self._get(server)
        if entry is None or (not entry.starts and fingerprint(server.state) not in entry.states):
            return None
        self._put(_key(server), entry)
        return entry.spawner

    def unused(self, server: Server) -> Spawner | None:
        """Return the instance of a server that is about to start.

        Args:
            server: record of the server.

        Returns:
            The instance if it was created from this record and has not started anything yet, else None.
        """
        entry = self._get(server)
        return entry.spawner if entry and not entry.used and entry.spawner.record == server else None

    def keep(self, server: Server, spawner: Spawner) -> None:
        """Store an instance, unless its record has no operation.

        Args:
            server: record from which it was created.
            spawner: the instance.
        """
        if not server.operation:
            return
        entry = _Entry(spawner, {fingerprint(server.state), fingerprint({})})
        if earlier := self._get(server):  # callbacks live as long as the server
            spawner._callbacks = [*earlier.spawner._callbacks, *spawner._callbacks]  # noqa: SLF001 - JupyterHub's name
        self._put(_key(server), entry)
        self._evict(self._entries, self._limit)
        self._evict(self._watched, 10 * self._limit)

    def note_state(self, server: Server, state: Mapping[str, Any]) -> None:
        """Record the current state of a server's instance.

        Args:
            server: record of the server.
            state: state that the hub is about to save.
        """
        if entry := self._get(server):
            entry.states.add(fingerprint(state))

    def is_news(self, server: Server, state: Mapping[str, Any]) -> bool:
        """Return whether the hub has not saved a state of a server's instance yet."""
        entry = self._get(server)
        return entry is not None and fingerprint(state) not in entry.states

    def changed_state(self, server: Server, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
        """Return whether a poll has changed the state of a server's instance and the hub has not saved it.

        Args:
            server: record of the server, with the saved state.
            before: state of the instance before the poll; empty if unknown.
            now: state of the instance after it; empty if unknown.
        """
        current, entry = fingerprint(now), self._get(server)
        if entry is None or not before or not now or current == fingerprint(server.state):
            return False
        if current != fingerprint(before):
            entry.unsaved = current
        return entry.unsaved == current

    def forget(self, server: Server) -> None:
        """Remove the instance of a stopped server."""
        for entries in (self._entries, self._watched):
            entries.pop(_key(server), None)

    def note_stop(self, server: Server) -> None:
        """Record that the hub stops a server: that it ends is no news then."""
        self._stops.append(_key(server))

    def note_running(self, server: Server) -> None:
        """Record that a server runs, perhaps because its stop has failed."""
        while _key(server) in self._stops:
            self._stops.remove(_key(server))

    def was_stopped(self, server: Server) -> bool:
        """Return whether the hub has stopped a server, or tried to."""
        return _key(server) in self._stops

    def is_starting(self, server: Server) -> bool:
        """Return whether the instance is starting its server."""
        entry = self._get(server)
        return entry is not None and entry.starts > 0

    @contextmanager
    def starting(self, server: Server) -> Iterator[None]:
        """Keep the instance of a server in the cache while it starts."""
        entry = self._get(server)
        if entry is None:
            yield
            return
        entry.starts += 1
        entry.used = True
        try:
            yield
        finally:
            entry.starts -= 1

    def __len__(self) -> int:
        return len(self._entries) + len(self._watched)

    def _get(self, server: Server) -> _Entry | None:
        key = _key(server)
        return self._entries.get(key) or self._watched.get(key)

    def _put(self, key: Key, entry: _Entry) -> None:
        """Store an entry as the one used last, beside those that are evicted alike."""
        alike, others = self._entries, self._watched
        if entry.spawner._callbacks:  # noqa: SLF001
            alike, others = others, alike
        others.pop(key, None)
        alike[key] = entry
        alike.move_to_end(key)

    def _evict(self, entries: OrderedDict[Key, _Entry], limit: int) -> None:
        """Delete the entries that were not used for the longest time, but no server that is starting."""
        for _ in range(len(entries)):
            if len(entries) <= limit:
                break
            key, entry = entries.popitem(last=False)
            if entry.starts or (entry.spawner._callbacks and entries is self._entries):  # noqa: SLF001
                self._put(key, entry)


def fingerprint(state: Mapping[str, Any]) -> str:
    """Return a string that is equal for equal states, before and after JSON serialisation."""
    return json.dumps(dict(state), sort_keys=True, default=str)


def _key(server: Server) -> Key:
    return (server.user.name, server.name, server.operation)
