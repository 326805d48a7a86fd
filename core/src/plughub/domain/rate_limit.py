"""A ceiling for what strangers can have the hub write."""

from __future__ import annotations

from typing import Final

HOUR: Final = 3600.0
MINUTE: Final = 60.0


class RateLimit:
    """Counts what is written: so much for each key in a minute, and so much altogether in an hour.

    It remembers no more keys than the hour has left, and those for a minute.

    Args:
        each: how often for one key in a minute.
        total: how often for all keys in an hour.
    """

    def __init__(self, each: int, total: int) -> None:
        self._each = each
        self._total = total
        self._minute = self._hour = float("-inf")
        self._of_key: dict[str, int] = {}
        self._written = 0

    @property
    def reached(self) -> bool:
        """Whether nothing more is written in this hour."""
        return self._written >= self._total

    def take(self, key: str, now: float) -> bool:
        """Ask whether something may be written; it is counted when it may.

        Args:
            key: whom or what it is about.
            now: seconds of a clock that only goes forward.

        Returns:
            True when it may.
        """
        if now - self._minute >= MINUTE:
            self._minute, self._of_key = now, {}
        if now - self._hour >= HOUR:
            self._hour, self._written = now, 0
        if self.reached or self._of_key.get(key, 0) >= self._each:
            return False
        self._of_key[key] = self._of_key.get(key, 0) + 1
        self._written += 1
        return True
