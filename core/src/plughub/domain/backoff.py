"""Pauses between tries that fail: each longer than the one before, up to a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next try.

    Attributes:
        first: pause after the first failure, in seconds.
        longest: limit of every pause, in seconds.
        factor: by which the pause grows with each failure.
    """

    first: float
    longest: float
    factor: float = 2.0

    def after(self, failures: float) -> float:
        """Return the pause after a number of failures in a row.

        Args:
            failures: how many; a count that sinks with time may lie between two numbers.

        Returns:
            Seconds; 0 without a failure.
        """
        if failures <= 0:
            return 0.0
        # Beyond the limit no power is computed: it would overflow after some thousand failures.
        growth = math.log(self.longest / self.first, self.factor) if self.longest > self.first else 0.0
        if failures - 1 >= growth:
            return self.longest
        return min(self.longest, self.first * float(self.factor ** (failures - 1)))
