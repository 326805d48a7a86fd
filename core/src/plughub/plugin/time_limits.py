"""Waiting for what may not end, even when it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
GRACE_SECONDS: Final = 1.0
"""What is cancelled may take so long to tidy up."""


class TimeLimitError(Exception):
    """It did not end in time.

    Args:
        goes_on: it was cancelled, and goes on all the same.
    """

    def __init__(self, *, goes_on: bool) -> None:
        super().__init__("not in time")
        self.goes_on = goes_on


async def in_time(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Wait for something; whether it heeds its cancellation or not, the wait ends.

    Args:
        work: what to wait for.
        seconds: how long.

    Returns:
        Its answer.

    Raises:
        NotInTimeError: it did not end in time.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _end(task)
        raise
    if done:
        return task.result()
    raise TimeLimitError(goes_on=not await _end(task))


async def _end(task: asyncio.Task[Any]) -> bool:
    task.cancel()
    task.add_done_callback(_hear)
    return bool((await asyncio.wait({task}, timeout=GRACE_SECONDS))[0])


def _hear(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # nobody else asks for it any more
