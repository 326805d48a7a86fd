"""Waiting in tests until something is true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_LOOK = 0.05


def wait_for(condition: Callable[[], T], seconds: float = 60) -> T:
    """Ask until the answer is true.

    Args:
        condition: what to ask.
        seconds: how long at most.

    Returns:
        The answer.

    Raises:
        AssertionError: it never was.
    """
    ends = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < ends, f"it did not come true within {seconds:g} s"
        time.sleep(_LOOK)
    return answer
