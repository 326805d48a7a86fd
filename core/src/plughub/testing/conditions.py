"""Conditions that tests wait for, with deadlines; the only place where tests let time pass."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar, cast

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
        assert time.monotonic() < ends, f"the condition did not become true within {seconds:g} s"
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
        assert time.monotonic() < ends, f"the condition did not become true within {seconds:g} s"
        await asyncio.sleep(pause)
    return answer


async def repeat(action: Callable[[], Awaitable[Any]], pause: float = _LOOK) -> None:
    """Do something again and again until the task is cancelled.

    Args:
        action: what to do.
        pause: seconds between two times.
    """
    while True:
        await action()
        await asyncio.sleep(pause)


@contextlib.asynccontextmanager
async def reading(reports: AsyncIterator[T]) -> AsyncIterator[asyncio.Queue[T]]:
    """Read an async generator, such as that of `hub_watch`, while the block runs; close it afterwards.

    Args:
        reports: the generator.

    Yields:
        A queue of what it has yielded.
    """
    found: asyncio.Queue[T] = asyncio.Queue()

    async def read() -> None:
        async with contextlib.aclosing(cast("Any", reports)):
            async for report in reports:
                found.put_nowait(report)

    task = asyncio.create_task(read())
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def loop_lag(pause: float = 0.02) -> float:
    """Let the event loop work for a moment, and measure how late it wakes.

    Args:
        pause: seconds to sleep.

    Returns:
        Seconds beyond those.
    """
    begin = time.monotonic()
    await asyncio.sleep(pause)
    return time.monotonic() - begin - pause


def keep_busy(seconds: float) -> None:
    """Take this long, as work does that blocks its thread: for tests of what happens meanwhile.

    Args:
        seconds: how long.
    """
    time.sleep(seconds)
