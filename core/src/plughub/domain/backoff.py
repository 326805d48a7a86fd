"""Backoff: pauses between tries that fail, each longer than the one before, up to a limit."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next try.

    ::

        pauses = Backoff(first=0.1, longest=5.0).pauses()
        while not await is_there():
            await asyncio.sleep(next(pauses))

    Attributes:
        first: pause after the first failure, in seconds.
        longest: limit of every pause, in seconds.
        factor: by which the pause grows with each failure; 1 or more.
        jitter: fraction of each pause that is random, 0 to 1, so that many callers do not try again at once.
    """

    first: float
    longest: float
    factor: float = 2.0
    jitter: float = 0.0

    def after(self, failures: float) -> float:
        """Return the pause after a number of failures in a row.

        Args:
            failures: how many; a count that sinks with time may lie between two numbers.

        Returns:
            Seconds; 0 without a failure.
        """
        pause = self._bound(failures)
        if not self.jitter:
            return pause
        return pause * random.uniform(1 - self.jitter, 1)  # noqa: S311 - spreads load

    def pauses(self) -> Iterator[float]:
        """Return the pauses after the first failure, the second, and so on, without end.

        Returns:
            Seconds each.
        """
        return map(self.after, itertools.count(1))

    def _bound(self, failures: float) -> float:
        if failures <= 0 or self.first <= 0:
            return 0.0
        # Beyond the limit no power is computed: it would overflow after some thousand failures.
        if self.longest <= self.first or (
            self.factor > 1 and failures - 1 >= math.log(self.longest / self.first, self.factor)
        ):
            return self.longest
        return min(self.longest, self.first * float(self.factor ** (failures - 1)))
