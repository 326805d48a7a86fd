"""Accounting of the memory that request bodies use until the requests are answered."""

from __future__ import annotations

from collections import Counter
from typing import Final

MAX_HELD: Final = 128 * 1024 * 1024
"""Bytes that all bodies together may use."""
SHARES: Final = 8
"""One user, or one address without a login, may use one of this many shares."""


class BodyMemory:
    """Counter of body bytes, in total and per owner.

    While nothing else is counted, a body is admitted even beyond the limit: a plugin's handler may accept
    longer bodies.

    Args:
        most: limit for all bodies together, in bytes.
        longest: largest body that a handler of the hub accepts; a share is at least this large.
    """

    def __init__(self, most: int = MAX_HELD, longest: int = 0) -> None:
        self.most = max(most, 2 * longest)
        self.share = max(self.most // SHARES, longest)
        self.total = 0
        self._of_owner: Counter[str] = Counter()
        self._bodies: dict[object, tuple[str, int]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._bodies

    def owner(self, key: object) -> str:
        """Return whose body a connection sends; empty when it sends none."""
        return self._bodies[key][0] if key in self._bodies else ""

    def has_share(self, owner: str, amount: int) -> bool:
        """Return whether an owner may use `amount` more bytes."""
        held = self._of_owner.get(owner, 0)
        return not held or held + amount <= self.share

    def has_room(self, amount: int, other_bytes: int = 0) -> bool:
        """Return whether `amount` more bytes fit within the total limit.

        Args:
            amount: bytes.
            other_bytes: bytes in use by something other than bodies.
        """
        return not self.total or self.total + other_bytes + amount <= self.most

    def add(self, key: object, owner: str, amount: int) -> None:
        """Count bytes of a body for a connection and its owner."""
        _, held = self._bodies.get(key, (owner, 0))
        self._bodies[key] = owner, held + amount
        self._of_owner[owner] += amount
        self.total += amount

    def drop(self, key: object) -> None:
        """Stop counting the body of a connection."""
        owner, amount = self._bodies.pop(key, ("", 0))
        self.total -= amount
        if owner in self._of_owner:
            self._of_owner[owner] -= amount
            if self._of_owner[owner] <= 0:
                del self._of_owner[owner]
