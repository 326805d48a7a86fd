"""Connections to the hub's own port: those that wait for their client give way before the hub is full."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final, Protocol

from plughub.domain.clock import utcnow

log = logging.getLogger("plughub.web")
MAX_HELD: Final = 128 * 1024 * 1024
"""Bytes that requests may hold which have not come to their end."""
MAX_CONNECTIONS: Final = 10_000
KEPT_FREE: Final = 256
"""Descriptors for files, databases and connections to servers."""
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
    """All connections, and which of them wait for their client.

    A connection waits while its client has not sent a whole request: the headers, the body, or anything since
    the last answer. When there are too many, or when unfinished bodies hold too much, the one that has waited
    longest is closed. A request that has come to its end is never closed for this.

    Args:
        most: how many there may be.
        most_bytes: how much unfinished bodies may hold together.
    """

    def __init__(self, most: int = MAX_CONNECTIONS, most_bytes: int = MAX_HELD) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self.held = 0
        self._waiting: OrderedDict[object, Stream] = OrderedDict()
        self._answered: OrderedDict[object, Stream] = OrderedDict()
        self._bytes: dict[object, int] = {}
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
        self._forget_bytes(key)
        self._waiting[key] = stream
        self._waiting.move_to_end(key)
        if len(self) > self.most:
            self._close_one("connections", len(self))

    def came(self, key: object, amount: int) -> None:
        """Note that a part of a body is held.

        Args:
            key: of the connection.
            amount: bytes.
        """
        self._bytes[key] = self._bytes.get(key, 0) + amount
        self.held += amount
        if self.held > self.most_bytes:
            self._close_one("bytes in unfinished requests", self.held, holding=True)

    def is_whole(self, key: object) -> None:
        """Note that a request has come to its end; what it holds is bounded by how many are answered.

        Args:
            key: of the connection.
        """
        self._forget_bytes(key)
        if (stream := self._waiting.pop(key, None)) is not None:
            self._answered[key] = stream

    def dropped(self, key: object) -> None:
        """Note that what came of a body is held no longer, and that the rest will not be.

        Args:
            key: of the connection.
        """
        self._forget_bytes(key)

    def closed(self, key: object) -> None:
        """Forget a connection.

        Args:
            key: of the connection.
        """
        self._forget_bytes(key)
        self._waiting.pop(key, None)
        self._answered.pop(key, None)

    def _close_one(self, what: str, count: int, *, holding: bool = False) -> None:
        """Close the connection that has kept the hub waiting for longest."""
        waiting = (key for key in self._waiting if not holding or key in self._bytes)
        stuck = (key for key, stream in self._answered.items() if stream.writing())
        key = next(waiting, None) or next(stuck, None)
        if key is None:
            return
        stream = self._waiting.get(key) or self._answered[key]
        self.closed(key)
        stream.close()
        now = utcnow().timestamp()
        if now - self._logged > _LOG_SECONDS:
            self._logged = now
            log.warning("too many %s (%d): closing those whose clients are slowest", what, count)

    def _forget_bytes(self, key: object) -> None:
        self.held -= self._bytes.pop(key, 0)
