"""Time limits for coroutines that may ignore their cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from plughub.domain.timings import CANCELLED_HOOK_SECONDS

T = TypeVar("T")


class TimeLimitError(Exception):
    """A coroutine exceeded its time limit.

    Args:
        is_running: whether it still runs after its cancellation.
    """

    def __init__(self, *, is_running: bool) -> None:
        super().__init__("not in time")
        self.is_running = is_running


async def run_with_timeout(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Await a coroutine with a time limit that holds even if the coroutine ignores its cancellation.

    Args:
        work: the coroutine.
        seconds: the time limit.

    Raises:
        TimeLimitError: it did not end in time.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _end(task)
        raise
    if done:
        return task.result()
    raise TimeLimitError(is_running=not await _end(task))


async def _end(task: asyncio.Task[Any]) -> bool:
    task.cancel()
    task.add_done_callback(_retrieve_exception)
    return bool((await asyncio.wait({task}, timeout=CANCELLED_HOOK_SECONDS))[0])


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # marks it as retrieved; otherwise asyncio logs it
