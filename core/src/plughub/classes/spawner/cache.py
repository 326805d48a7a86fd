"""Cache of spawner instances, whose loss is harmless: the state in the database recreates them."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from plughub.classes.spawner.spawner import Spawner
from plughub.kinds import Server

Key = tuple[str, str, str]


@dataclass
class _Entry:
    """Instance, and fingerprints of the states that belong to it."""

    spawner: Spawner
    states: set[str] = field(default_factory=set)
    starts: int = 0
    used: bool = False


class SpawnerCache:
    """LRU cache of the instances of one spawner class, by user, server and operation.

    Args:
        limit: maximum number of instances that are not starting a server.
    """

    def __init__(self, limit: int = 2000) -> None:
        self._limit = limit
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()

    def find(self, server: Server) -> Spawner | None:
        """Return the instance of a server; None if another process has changed the server's state meanwhile.

        Args:
            server: record of the server, with the state that the hub knows.
        """
        entry = self._entries.get(_key(server))
        if entry is None or (not entry.starts and fingerprint(server.state) not in entry.states):
            return None
        self._entries.move_to_end(_key(server))
        return entry.spawner

    def unused(self, server: Server) -> Spawner | None:
        """Return the instance of a server that is about to start.

        Args:
            server: record of the server.

        Returns:
            The instance if it was created from this record and has not started anything yet, else None.
        """
        entry = self._entries.get(_key(server))
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
        self._entries[_key(server)] = entry
        self._entries.move_to_end(_key(server))
        self._evict()

    def note_state(self, server: Server, state: Mapping[str, Any]) -> None:
        """Record the current state of a server's instance.

        Args:
            server: record of the server.
            state: state that the hub is about to save.
        """
        if entry := self._entries.get(_key(server)):
            entry.states.add(fingerprint(state))

    def forget(self, server: Server) -> None:
        """Remove the instance of a server."""
        self._entries.pop(_key(server), None)

    def is_starting(self, server: Server) -> bool:
        """Return whether the instance is starting its server."""
        entry = self._entries.get(_key(server))
        return entry is not None and entry.starts > 0

    @contextmanager
    def starting(self, server: Server) -> Iterator[None]:
        """Keep the instance of a server in the cache while it starts."""
        entry = self._entries.get(_key(server))
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
        return len(self._entries)

    def _evict(self) -> None:
        idle = [key for key, entry in self._entries.items() if not entry.starts]
        for key in idle[: max(0, len(self._entries) - self._limit)]:
            del self._entries[key]


def fingerprint(state: Mapping[str, Any]) -> str:
    """Return a string that is equal for equal states, before and after JSON serialisation."""
    return json.dumps(dict(state), sort_keys=True, default=str)


def _key(server: Server) -> Key:
    return (server.user.name, server.name, server.operation)
