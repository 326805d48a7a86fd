"""Waiting in tests until something is true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")
_LOOK: Final = 0.05


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


async def until(
    condition: Callable[[], Awaitable[Any]], *, seconds: float = 10.0, pause: float = _LOOK
) -> Any:
    """Ask until the answer is true, and let others work meanwhile.

    Args:
        condition: what to ask.
        seconds: how long at most.
        pause: seconds between two questions.

    Returns:
        The answer.

    Raises:
        AssertionError: it never was.
    """
    ends = time.monotonic() + seconds
    while not (answer := await condition()):
        assert time.monotonic() < ends, f"it did not come true within {seconds:g} s"
        await asyncio.sleep(pause)
    return answer
