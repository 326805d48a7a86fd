"""Instances of spawner classes that are at hand: a cache, never the only place where anything is known."""

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
    """An instance, and the states under which the hub may ask for it."""

    spawner: Spawner
    states: set[str] = field(default_factory=set)
    starts: int = 0
    used: bool = False


class SpawnerCache:
    """The instances of one spawner class by user, server and operation.

    Args:
        limit: instances to keep; those that are starting a server come on top.
    """

    def __init__(self, limit: int = 2000) -> None:
        self._limit = limit
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()

    def find(self, server: Server) -> Spawner | None:
        """Find the instance for a server, unless another process went on with it in the meantime.

        Args:
            server: the record, with the state that the hub knows.

        Returns:
            The instance, or None.
        """
        entry = self._entries.get(_key(server))
        if entry is None or (not entry.starts and fingerprint(server.state) not in entry.states):
            return None
        self._entries.move_to_end(_key(server))
        return entry.spawner

    def unused(self, server: Server) -> Spawner | None:
        """Find the instance for a server that is about to start.

        Args:
            server: the record.

        Returns:
            The instance, when it was made from this very record and started nothing yet.
        """
        entry = self._entries.get(_key(server))
        return entry.spawner if entry and not entry.used and entry.spawner.record == server else None

    def keep(self, server: Server, spawner: Spawner) -> None:
        """Keep an instance; one without an operation is not kept.

        Args:
            server: the record that it was made from.
            spawner: the instance.
        """
        if not server.operation:
            return
        entry = _Entry(spawner, {fingerprint(server.state), fingerprint({})})
        self._entries[_key(server)] = entry
        self._entries.move_to_end(_key(server))
        self._shrink()

    def note_state(self, server: Server, state: Mapping[str, Any]) -> None:
        """Note the state that the instance of a server has now.

        Args:
            server: the record.
            state: what the hub is going to save.
        """
        if entry := self._entries.get(_key(server)):
            entry.states.add(fingerprint(state))

    def forget(self, server: Server) -> None:
        """Drop the instance of a server.

        Args:
            server: the record.
        """
        self._entries.pop(_key(server), None)

    def is_starting(self, server: Server) -> bool:
        """Tell whether the instance is in the middle of a start."""
        entry = self._entries.get(_key(server))
        return entry is not None and entry.starts > 0

    @contextmanager
    def starting(self, server: Server) -> Iterator[None]:
        """Hold the instance of a server while it starts."""
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

    def _shrink(self) -> None:
        idle = [key for key, entry in self._entries.items() if not entry.starts]
        for key in idle[: max(0, len(self._entries) - self._limit)]:
            del self._entries[key]


def fingerprint(state: Mapping[str, Any]) -> str:
    """Make states comparable, whether they have been through JSON or not.

    Args:
        state: a state.

    Returns:
        A text that is the same for the same state.
    """
    return json.dumps(dict(state), sort_keys=True, default=str)


def _key(server: Server) -> Key:
    return (server.user.name, server.name, server.operation)
