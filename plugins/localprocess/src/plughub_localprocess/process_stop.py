"""Termination of a server's process group, by increasingly forceful signals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from plughub.errors import HubError
from plughub_localprocess.children import CHILDREN
from plughub_localprocess.groups import ProcessGroup
from plughub_localprocess.timings import END_BACKOFF, END_POLL_SECONDS, GROUP_GRACE_SECONDS

InThread = Callable[..., Awaitable[Any]]
Step = tuple[signal.Signals, float]
"""A signal, and the seconds to wait for its effect."""


class StopFailedError(HubError):
    """A server did not end."""


async def end_group(group: ProcessGroup, steps: Sequence[Step], in_thread: InThread) -> None:
    """Signal a group until none of its processes runs.

    Args:
        group: the group.
        steps: signals in order, each with the seconds to wait after it.
        in_thread: function that runs a blocking function in a thread.

    Raises:
        StopFailedError: a process still runs after the last signal.
    """
    for number, timeout in steps:
        # On the event loop if the leader runs: that takes two system calls, and a thread costs more.
        led = _signal(group, number) if group.leader.is_running() else await in_thread(_signal, group, number)
        if led is None:
            return
        grace = timeout if number == signal.SIGKILL else GROUP_GRACE_SECONDS
        if await _wait_for_end(group, timeout, grace if led else timeout, in_thread):
            return
    raise StopFailedError(f"process group {group.leader.pid} did not end, even after SIGKILL")


def _signal(group: ProcessGroup, number: signal.Signals) -> bool | None:
    """Send a signal; return whether the leader was running, or None if no process of the group was."""
    led = group.leader.is_running()
    if not led and not group.members():
        CHILDREN.exit_code(group.leader)
        return None
    group.signal(number)
    return led


async def _wait_for_end(group: ProcessGroup, timeout: float, grace: float, in_thread: InThread) -> bool:
    """Wait for a group to end; members that outlive their leader get the grace period only."""
    deadline, pauses = time.monotonic() + timeout, END_BACKOFF.pauses()
    leaderless = False
    while True:
        remaining = deadline - time.monotonic()
        if leaderless or not await _wait_for_exit(group.leader.pid, min(remaining, END_POLL_SECONDS)):
            await asyncio.sleep(next(pauses))
        if not leaderless and group.leader.is_running():
            led, others = True, False
        else:
            led, others = await in_thread(_find_running, group, not leaderless)
        if not led and not others:
            return True
        if not led and not leaderless:
            leaderless, deadline = True, min(deadline, time.monotonic() + grace)
        if time.monotonic() > deadline:
            return False


def _find_running(group: ProcessGroup, has_just_ended: bool) -> tuple[bool, bool]:
    """Return whether the leader runs, and if not, whether other members of its group run."""
    led = group.leader.is_running()
    if not led and has_just_ended:
        # The group of a zombie still exists, and its members can only be found among all processes.
        CHILDREN.exit_code(group.leader)
    return led, not led and bool(group.members())


async def _wait_for_exit(pid: int, seconds: float) -> bool:
    """Wait until a process ends or the time is over; return False at once if the system cannot report it.

    Source:
        ``pidfd_open(2)``: the descriptor becomes readable when the process ends; Linux only.
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
