"""Ending a server: gently first, then firmly, the whole process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from plughub_localprocess.groups import ProcessGroup
from plughub_localprocess.timings import END_BACKOFF, END_POLL_SECONDS, GROUP_GRACE_SECONDS

InThread = Callable[..., Awaitable[Any]]
Step = tuple[signal.Signals, float]
"""A signal, and the seconds to wait for its effect."""


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
        led = await in_thread(_signal, group, number)
        if led is None:
            return
        grace = timeout if number == signal.SIGKILL else GROUP_GRACE_SECONDS
        if await _gone(group, timeout, grace if led else timeout, in_thread):
            return
    raise StopFailedError(f"process group {group.leader.pid} does not end, not even by SIGKILL")


def _signal(group: ProcessGroup, number: signal.Signals) -> bool | None:
    """Send a signal where something runs; tells whether the leader did, None when nothing does."""
    led = group.leader.is_running()
    if not led and not group.members():
        return None
    group.signal(number)
    return led


async def _gone(group: ProcessGroup, timeout: float, grace: float, in_thread: InThread) -> bool:
    """Wait for a group to end; those that a dead leader leaves behind are given the grace only."""
    deadline, pauses = time.monotonic() + timeout, END_BACKOFF.pauses()
    leaderless = False
    while True:
        left = deadline - time.monotonic()
        if leaderless or not await _end_of(group.leader.pid, min(left, END_POLL_SECONDS)):
            await asyncio.sleep(next(pauses))
        led, others = await in_thread(_left, group)
        if not led and not others:
            return True
        if not led and not leaderless:
            leaderless, deadline = True, min(deadline, time.monotonic() + grace)
        if time.monotonic() > deadline:
            return False


def _left(group: ProcessGroup) -> tuple[bool, bool]:
    """Tell whether the leader runs, and, where it does not, whether others of its group do."""
    led = group.leader.is_running()
    return led, not led and bool(group.members())


async def _end_of(pid: int, seconds: float) -> bool:
    """Wait until a process has ended, or some time; False at once where the system cannot tell.

    Source:
        ``pidfd_open(2)``: the descriptor can be read from when the process ends; Linux alone has it.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return False
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return True
