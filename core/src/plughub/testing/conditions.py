"""Conditions that tests wait for, with deadlines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")
_LOOK: Final = 0.05


def wait_for(condition: Callable[[], T], seconds: float = 60) -> T:
    """Call a function until its result is true.

    Args:
        condition: the function.
        seconds: the deadline.

    Returns:
        The result.

    Raises:
        AssertionError: the condition was not met in time.
    """
    ends = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < ends, f"it did not come true within {seconds:g} s"
        time.sleep(_LOOK)
    return answer


async def until(
    condition: Callable[[], Awaitable[Any]], *, seconds: float = 10.0, pause: float = _LOOK
) -> Any:
    """Await a function until its result is true, without blocking the event loop.

    Args:
        condition: the function.
        seconds: the deadline.
        pause: seconds between two calls.

    Returns:
        The result.

    Raises:
        AssertionError: the condition was not met in time.
    """
    ends = time.monotonic() + seconds
    while not (answer := await condition()):
        assert time.monotonic() < ends, f"it did not come true within {seconds:g} s"
        await asyncio.sleep(pause)
    return answer
