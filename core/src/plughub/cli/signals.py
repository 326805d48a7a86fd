"""What signals mean to a running hub: end, and end at once."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable
from typing import Final

ECHO_SECONDS: Final = 1.0


class EndSignals:
    """Turns the signals that end a process into an orderly end, and a later one into an end at once.

    One cause often sends several signals: a terminal signals the whole group and a wrapper passes that on,
    a service manager adds SIGHUP to SIGTERM, a closed terminal sends SIGHUP before its session gets SIGTERM.

    Args:
        end: called for the first signal.
        hurry: called for a signal that insists.
    """

    def __init__(self, end: Callable[[], None], hurry: Callable[[], None]) -> None:
        self._end = end
        self._hurry = hurry
        self._came: dict[int, float] = {}

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Handle SIGINT, SIGTERM, and SIGHUP unless it is ignored, as ``nohup`` wants it.

        Args:
            loop: the running loop.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            loop.add_signal_handler(number, self._note, number, loop)

    def _note(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self.came(number, loop.time())

    def came(self, number: int, now: float) -> None:
        """Act on a signal.

        Args:
            number: of the signal.
            now: seconds of a monotonic clock.
        """
        is_first, echo = not self._came, self._is_echo(number, now)
        self._came[number] = now
        if is_first:
            self._end()
        elif not echo:
            self._hurry()

    def _is_echo(self, number: int, now: float) -> bool:
        """Tell whether a signal has the cause of an earlier one. SIGHUP never insists: nobody types it."""
        last = max(self._came.get(number, -math.inf), self._came.get(signal.SIGHUP, -math.inf))
        return number == signal.SIGHUP or now - last < ECHO_SECONDS
