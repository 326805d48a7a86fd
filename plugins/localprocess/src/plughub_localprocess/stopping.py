"""Ending a server: gently first, then firmly, the whole process group."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from plughub_localprocess.groups import ProcessGroup

InThread = Callable[..., Awaitable[Any]]
Step = tuple[signal.Signals, float]
"""A signal, and the seconds to wait for its effect."""


GRACE: Final = 1.0
"""Seconds that members of a group have when its leader has followed a signal."""


class StopFailedError(Exception):
    """A server does not end."""


async def end_group(group: ProcessGroup, steps: Sequence[Step], in_thread: InThread) -> None:
    """Signal a group until nothing of it runs.

    Args:
        group: the group.
        steps: signals in order, each with the seconds to wait after it.
        in_thread: runs a blocking function elsewhere.

    Raises:
        StopFailedError: something still runs after the last signal.
    """
    for number, timeout in steps:
        led = await in_thread(group.leader.is_running)
        if not led and not await in_thread(group.members):
            return
        await in_thread(group.signal, number)
        grace = timeout if number == signal.SIGKILL else GRACE
        if await _gone(group, timeout, grace if led else timeout, in_thread):
            return
    raise StopFailedError(f"process group {group.leader.pid} does not end, not even by SIGKILL")


async def _gone(group: ProcessGroup, timeout: float, grace: float, in_thread: InThread) -> bool:
    """Wait for a group to end; those that a dead leader leaves behind are given the grace only."""
    deadline, pause = time.monotonic() + timeout, 0.01
    leaderless = False
    while await in_thread(group.is_running):
        if not leaderless and not await in_thread(group.leader.is_running):
            leaderless, deadline = True, min(deadline, time.monotonic() + grace)
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.2)
    return True
