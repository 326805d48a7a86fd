"""Limits for connections to the hub's port: slow clients are disconnected before the hub is full."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from itertools import chain
from typing import Final, Protocol

from plughub.domain.clock import utcnow
from plughub.domain.timings import FULL_LOG_SECONDS
from plughub.web.body_memory import BodyMemory

log = logging.getLogger("plughub.web")
MAX_CONNECTIONS: Final = 10_000
RESERVED_DESCRIPTORS: Final = 256
"""File descriptors reserved for files, databases and connections to servers."""
MAX_AHEAD: Final = 128 * 1024
"""Bytes of pipelined requests that are read from one client before it has its response."""


def max_connections(descriptors: int) -> int:
    """Return how many of a process's file descriptors may be connections to the hub's port."""
    return max(min(MAX_CONNECTIONS, descriptors - RESERVED_DESCRIPTORS), RESERVED_DESCRIPTORS)


class Stream(Protocol):
    """Transport of a connection."""

    def close(self) -> None:
        """Close the connection."""

    def writing(self) -> bool:
        """Return whether the client must read something before more can be sent."""


class Connections:
    """Registry of all connections, the ones that wait for their client, and the memory of their bodies.

    A connection waits while its client has not sent a complete request. With too many connections, or too
    much memory in bodies, the connection that has waited longest is closed. A connection whose request is
    complete is only closed if its client does not read the response; otherwise a new body is refused.

    Args:
        most: limit for the number of connections.
        bodies: accounting of the memory of bodies.
        read_ahead: returns how many bytes of later requests were read from a stream.
    """

    def __init__(
        self,
        most: int = MAX_CONNECTIONS,
        bodies: BodyMemory | None = None,
        read_ahead: Callable[[Stream], int] = lambda _: 0,
    ) -> None:
        self.most = most
        self.bodies = bodies or BodyMemory()
        self._read_ahead = read_ahead
        self._waiting: OrderedDict[object, Stream] = OrderedDict()
        self._answered: OrderedDict[object, Stream] = OrderedDict()
        self._logged = 0.0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._answered)

    def mark_waiting(self, key: object, stream: Stream) -> None:
        """Record that a client has yet to send a request; a new connection is counted from here on."""
        self._answered.pop(key, None)
        self.bodies.drop(key)
        self._waiting[key] = stream
        self._waiting.move_to_end(key)
        if len(self) > self.most:
            self._close_one("connections", len(self))

    def admit(self, key: object, owner: str, amount: int) -> bool:
        """Reserve memory for a body, or for a part of one, until the request is answered.

        To make room, the connections that have waited longest are closed: those of the same owner when the
        owner's share is used up.

        Args:
            key: identifies the connection.
            owner: a user or service, or the address of a client without a login.
            amount: bytes.

        Returns:
            False when no room can be made, because all other bodies belong to requests in progress.
        """
        while not self.bodies.has_share(owner, amount):
            if not self._close_body(key, owner):
                return False
        read_ahead = self._bytes_ahead(amount)
        while not self.bodies.has_room(amount, read_ahead):
            if not self._close_body(key):
                return False
        self.bodies.add(key, owner, amount)
        return True

    def mark_complete(self, key: object) -> None:
        """Record that a request has arrived completely."""
        if (stream := self._waiting.pop(key, None)) is not None:
            self._answered[key] = stream

    def drop_body(self, key: object) -> None:
        """Release the memory of a body whose rest will be dropped."""
        self.bodies.drop(key)

    def remove(self, key: object) -> None:
        """Remove a connection."""
        self.bodies.drop(key)
        self._waiting.pop(key, None)
        self._answered.pop(key, None)

    def _bytes_ahead(self, amount: int) -> int:
        """Return the bytes read of later requests, or 0 where they cannot matter."""
        if self.bodies.total + amount + len(self._answered) * MAX_AHEAD <= self.bodies.most:
            return 0
        return sum(map(self._read_ahead, self._answered.values()))

    def _close_body(self, except_key: object, owner: str = "") -> bool:
        """Close the connection whose body has been awaited longest; return False when there is none."""
        unread = (key for key, stream in self._answered.items() if stream.writing())
        held = (key for key in chain(self._waiting, unread) if key in self.bodies and key != except_key)
        key = next((key for key in held if not owner or self.bodies.owner(key) == owner), None)
        return self._close(key, "bytes of request bodies", self.bodies.total)

    def _close_one(self, what: str, count: int) -> None:
        """Close the connection that has waited longest, or one whose client does not read its response."""
        unread = (key for key, stream in self._answered.items() if stream.writing())
        self._close(next(chain(self._waiting, unread), None), what, count)

    def _close(self, key: object, what: str, count: int) -> bool:
        if key is None:
            return False
        stream = self._waiting.get(key) or self._answered[key]
        self.remove(key)
        stream.close()
        now = utcnow().timestamp()
        if now - self._logged > FULL_LOG_SECONDS:
            self._logged = now
            log.warning("too many %s (%d): closing connections of the slowest clients", what, count)
        return True
