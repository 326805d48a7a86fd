"""Handling of the signals that stop a hub: orderly shutdown, then abort."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable

from plughub.domain.timings import SIGNAL_ECHO_SECONDS


class EndSignals:
    """Signal handler that starts an orderly shutdown at the first signal and aborts at a later one.

    One cause often sends several signals: a terminal signals the whole process group and a wrapper forwards
    the signal, a service manager sends SIGHUP with SIGTERM, a closed terminal sends SIGHUP before its
    session gets SIGTERM.

    Args:
        end: starts the shutdown.
        abort: aborts.
    """

    def __init__(self, end: Callable[[], None], abort: Callable[[], None]) -> None:
        self._end = end
        self._abort = abort
        self._received: dict[int, float] = {}

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Handle SIGINT and SIGTERM, and SIGHUP unless it is ignored, as by ``nohup``.

        Args:
            loop: the running loop.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            loop.add_signal_handler(number, self._note, number, loop)

    def _note(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self.receive(number, loop.time())

    def receive(self, number: int, now: float) -> None:
        """Act on a signal.

        Args:
            number: of the signal.
            now: time of a monotonic clock in seconds.
        """
        is_first, echo = not self._received, self._is_echo(number, now)
        self._received[number] = now
        if is_first:
            self._end()
        elif not echo:
            self._abort()

    def _is_echo(self, number: int, now: float) -> bool:
        """Return whether a signal repeats an earlier one. SIGHUP always does: no user types it."""
        last = max(self._received.get(number, -math.inf), self._received.get(signal.SIGHUP, -math.inf))
        return number == signal.SIGHUP or now - last < SIGNAL_ECHO_SECONDS
