"""How much memory the bodies of requests hold, from the moment they are read until they are answered."""

from __future__ import annotations

from collections import Counter
from typing import Final

MAX_HELD: Final = 128 * 1024 * 1024
"""Bytes that all bodies may hold together."""
SHARES: Final = 8
"""One user, or one address of strangers, may hold one of so many parts."""


class BodyMemory:
    """Counts the bodies of requests, in all and for each owner.

    A body that is longer than a bound is taken all the same while nothing else is held: a handler of a plugin
    may take such bodies.

    Args:
        most: bytes for all together.
        longest: that one handler of the hub takes; a share is no less.
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
        """Tell whose body a connection sends; empty when it holds none."""
        return self._bodies[key][0] if key in self._bodies else ""

    def has_share(self, owner: str, amount: int) -> bool:
        """Tell whether an owner may hold so much more."""
        held = self._of_owner.get(owner, 0)
        return not held or held + amount <= self.share

    def has_room(self, amount: int, besides: int = 0) -> bool:
        """Tell whether all together may hold so much more.

        Args:
            amount: bytes.
            besides: bytes that are held by something else than bodies.
        """
        return not self.total or self.total + besides + amount <= self.most

    def add(self, key: object, owner: str, amount: int) -> None:
        """Count bytes of a body.

        Args:
            key: of the connection.
            owner: who sends it.
            amount: bytes.
        """
        _, held = self._bodies.get(key, (owner, 0))
        self._bodies[key] = owner, held + amount
        self._of_owner[owner] += amount
        self.total += amount

    def drop(self, key: object) -> None:
        """Forget the body of a connection."""
        owner, amount = self._bodies.pop(key, ("", 0))
        self.total -= amount
        if owner in self._of_owner:
            self._of_owner[owner] -= amount
            if self._of_owner[owner] <= 0:
                del self._of_owner[owner]
