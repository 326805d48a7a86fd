"""Exponential backoff between failing attempts."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays between failing attempts, which grow exponentially up to a limit.

    ::

        pauses = Backoff(first=0.1, longest=5.0).pauses()
        while not await is_there():
            await asyncio.sleep(next(pauses))

    Attributes:
        first: delay after the first failure, in seconds.
        longest: limit of every delay, in seconds.
        factor: growth of the delay with each failure; 1 or more.
        jitter: random fraction of each delay, 0 to 1, so that many callers do not retry simultaneously.
    """

    first: float
    longest: float
    factor: float = 2.0
    jitter: float = 0.0

    def after(self, failures: float) -> float:
        """Return the delay after a number of consecutive failures.

        Args:
            failures: number of failures; may be fractional if the count decays with time.

        Returns:
            Seconds; 0 without a failure.
        """
        pause = self._bound(failures)
        if not self.jitter:
            return pause
        return pause * random.uniform(1 - self.jitter, 1)  # noqa: S311 - spreads load

    def pauses(self) -> Iterator[float]:
        """Return an infinite iterator over the delays after the first failure, the second, and so on.

        Returns:
            Delays in seconds.
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
