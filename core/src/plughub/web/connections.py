"""Connections to the hub's own port: those that wait for their client give way before the hub is full."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from itertools import chain
from typing import Final, Protocol

from plughub.domain.clock import utcnow
from plughub.web.body_memory import BodyMemory

log = logging.getLogger("plughub.web")
MAX_CONNECTIONS: Final = 10_000
KEPT_FREE: Final = 256
"""Descriptors for files, databases and connections to servers."""
MAX_AHEAD: Final = 128 * 1024
"""Bytes of later requests that are read from one client before it has its answer."""
_LOG_SECONDS: Final = 60.0


def max_connections(descriptors: int) -> int:
    """Tell how many connections a process may keep.

    Args:
        descriptors: how many it may have open.

    Returns:
        How many of them may be connections to the hub's own port.
    """
    return max(min(MAX_CONNECTIONS, descriptors - KEPT_FREE), KEPT_FREE)


class Stream(Protocol):
    """A connection."""

    def close(self) -> None:
        """Close it."""

    def writing(self) -> bool:
        """Tell whether the client has to take something before more can be sent."""


class Connections:
    """All connections, which of them wait for their client, and how much the bodies hold that they send.

    A connection waits while its client has not sent a whole request: the headers, the body, or anything since
    the last answer. When there are too many, or when bodies hold too much, the one that has waited longest is
    closed. A request that has come to its end is never closed for this: a new body is refused instead.

    Args:
        most: how many there may be.
        bodies: counts what bodies hold.
        read_ahead: tells how much of later requests was read from a stream.
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

    def waits(self, key: object, stream: Stream) -> None:
        """Note that a client has yet to send a request; a new connection counts from here.

        Args:
            key: of the connection.
            stream: the connection.
        """
        self._answered.pop(key, None)
        self.bodies.drop(key)
        self._waiting[key] = stream
        self._waiting.move_to_end(key)
        if len(self) > self.most:
            self._close_one("connections", len(self))

    def admits(self, key: object, owner: str, amount: int) -> bool:
        """Count a body, or a part of one, before it is read; it counts until it is answered.

        Those that have kept the hub waiting for longest give way, of the same owner where the owner's share
        is used up.

        Args:
            key: of the connection.
            owner: a user or service, or the address of a stranger.
            amount: bytes.

        Returns:
            False when it may not be read: everything else that is held is being answered.
        """
        while not self.bodies.has_share(owner, amount):
            if not self._close_body(key, owner):
                return False
        besides = self._bytes_ahead(amount)
        while not self.bodies.has_room(amount, besides):
            if not self._close_body(key):
                return False
        self.bodies.add(key, owner, amount)
        return True

    def is_whole(self, key: object) -> None:
        """Note that a request has come to its end.

        Args:
            key: of the connection.
        """
        if (stream := self._waiting.pop(key, None)) is not None:
            self._answered[key] = stream

    def dropped(self, key: object) -> None:
        """Note that what came of a body is held no longer, and that the rest will not be.

        Args:
            key: of the connection.
        """
        self.bodies.drop(key)

    def closed(self, key: object) -> None:
        """Forget a connection.

        Args:
            key: of the connection.
        """
        self.bodies.drop(key)
        self._waiting.pop(key, None)
        self._answered.pop(key, None)

    def _bytes_ahead(self, amount: int) -> int:
        """Count what was read of later requests, where it can make a difference."""
        if self.bodies.total + amount + len(self._answered) * MAX_AHEAD <= self.bodies.most:
            return 0
        return sum(map(self._read_ahead, self._answered.values()))

    def _close_body(self, but: object, owner: str = "") -> bool:
        """Close the connection whose body is waited for longest; False when there is none."""
        stuck = (key for key, stream in self._answered.items() if stream.writing())
        held = (key for key in chain(self._waiting, stuck) if key in self.bodies and key != but)
        key = next((key for key in held if not owner or self.bodies.owner(key) == owner), None)
        return self._close(key, "bytes in bodies", self.bodies.total)

    def _close_one(self, what: str, count: int) -> None:
        """Close the connection that has kept the hub waiting for longest, or one that takes no answer."""
        stuck = (key for key, stream in self._answered.items() if stream.writing())
        self._close(next(chain(self._waiting, stuck), None), what, count)

    def _close(self, key: object, what: str, count: int) -> bool:
        if key is None:
            return False
        stream = self._waiting.get(key) or self._answered[key]
        self.closed(key)
        stream.close()
        now = utcnow().timestamp()
        if now - self._logged > _LOG_SECONDS:
            self._logged = now
            log.warning("too many %s (%d): closing those whose clients are slowest", what, count)
        return True
