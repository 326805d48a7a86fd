"""Rate limit for writes that unauthenticated clients can cause."""

from __future__ import annotations

from plughub.domain.timings import HOUR, MINUTE


class RateLimit:
    """Limit per key and minute, and in total per hour.

    It stores at most as many keys as the hourly limit, for one minute.

    Args:
        each: limit per key in a minute.
        total: limit for all keys in an hour.
    """

    def __init__(self, each: int, total: int) -> None:
        self._each = each
        self._total = total
        self._minute = self._hour = float("-inf")
        self._of_key: dict[str, int] = {}
        self._written = 0

    @property
    def reached(self) -> bool:
        """True if the hourly limit is reached."""
        return self._written >= self._total

    def take(self, key: str, now: float) -> bool:
        """Count a write and return True if the limits allow it.

        Args:
            key: key of the write.
            now: seconds of a monotonic clock.
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
