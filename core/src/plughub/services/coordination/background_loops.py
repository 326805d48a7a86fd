"""Loops that run as long as the hub."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from plughub.domain.errors import HubError
from plughub.domain.timings import BEAT_SECONDS, RESTART_LOOP_SECONDS

log = logging.getLogger("plughub.loops")


async def run_forever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a loop that should never end; log it and run it again when it fails or ends."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s failed and is restarted", work.__qualname__)
        await asyncio.sleep(RESTART_LOOP_SECONDS)


async def repeat(
    work: Callable[[], Coroutine[Any, Any, None]], pause: float, problem: str, log: logging.Logger
) -> NoReturn:
    """Call a function repeatedly; a call that fails is logged and does not end the loop.

    Args:
        work: the function.
        pause: seconds between the end of a call and the next one; see `next_tick`.
        problem: log message for a call that failed, before the reason.
        log: logger for that message.
    """
    while True:
        try:
            await work()
        except HubError as error:
            log.warning("%s: %s", problem, error)
        except Exception:
            log.exception(problem)
        await sleep_until_tick(pause)


async def sleep_until_tick(pause: float) -> None:
    """Sleep for some seconds, until a tick; see `next_tick`."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(next_tick(now, pause) - now)


def next_tick(now: float, pause: float) -> float:
    """Return the last tick before a delay has passed, so that nothing is late.

    Args:
        now: time of the event loop.
        pause: seconds; a delay shorter than the interval between two ticks is kept as it is.

    Returns:
        A time of the event loop.
    """
    end = now + pause
    return end if pause < BEAT_SECONDS else end // BEAT_SECONDS * BEAT_SECONDS


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Wait until an event is set or the time has passed, and clear the event."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()
