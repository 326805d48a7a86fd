"""Work that goes on for as long as the hub runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from plughub.domain.errors import HubError
from plughub.domain.timings import BEAT_SECONDS, RESTART_LOOP_SECONDS

log = logging.getLogger("plughub.loops")


async def for_ever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do work that never ends; when it fails nevertheless, that is logged and it is begun again.

    Args:
        work: what to do.
    """
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s failed and is begun again", work.__qualname__)
        await asyncio.sleep(RESTART_LOOP_SECONDS)


async def repeat(
    work: Callable[[], Coroutine[Any, Any, None]], pause: float, trouble: str, log: logging.Logger
) -> NoReturn:
    """Do a piece of work again and again; a turn that fails is logged, and the next one comes all the same.

    Args:
        work: one turn.
        pause: seconds between the end of a turn and the next one, as `next_beat` takes it.
        trouble: what the log says of a turn that failed, before the reason.
        log: where it says so.
    """
    while True:
        try:
            await work()
        except HubError as error:
            log.warning("%s: %s", trouble, error)
        except Exception:
            log.exception(trouble)
        await rest(pause)


async def rest(pause: float) -> None:
    """Wait for some seconds, until a beat.

    Args:
        pause: how long, as `next_beat` takes it.
    """
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(next_beat(now, pause) - now)


def next_beat(now: float, pause: float) -> float:
    """Tell when something is due that begins together with other things.

    Args:
        now: time of the loop.
        pause: seconds until then.

    Returns:
        A time of the loop: the last beat before the pause is over, so that nothing comes late. A pause that
        is shorter than the one between two beats is kept as it is.
    """
    end = now + pause
    return end if pause < BEAT_SECONDS else end // BEAT_SECONDS * BEAT_SECONDS


async def news(event: asyncio.Event, seconds: float) -> None:
    """Wait until there is news, but not for ever, and be ready for the next.

    Args:
        event: set by who has news; it is cleared.
        seconds: how long at most.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()
