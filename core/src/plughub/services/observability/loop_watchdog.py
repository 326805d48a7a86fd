"""Thread that finds out what blocks the event loop."""

from __future__ import annotations

import logging
import threading
import time

from plughub.domain.timings import SILENT_PLUGIN_SECONDS
from plughub.plugin.running_code import blame_loop

log = logging.getLogger("plughub.metrics")


class LoopWatchdog:
    """Thread that looks at the stack of the event loop's thread while the loop is late.

    Create it in the thread of the loop.

    Args:
        patience: seconds that the loop may be late before the thread looks.
        due: time of `time.monotonic` at which the loop sets ``due`` to a later time.
        report_after: seconds after which a block is logged that has not ended.
    """

    def __init__(self, patience: float, due: float, report_after: float = SILENT_PLUGIN_SECONDS) -> None:
        self.due = due
        self._patience = patience
        self._report_after = report_after
        self._loop_thread = threading.get_ident()
        self._found = ""
        self._is_reported = False
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="plughub-loop-watchdog", daemon=True).start()

    def take(self) -> str:
        """Return what blocked the loop since the last call, as a clause; empty if it is unknown."""
        found, self._found, self._is_reported = self._found, "", False
        return found

    def close(self) -> None:
        """End the thread."""
        self._ended.set()

    def _watch(self) -> None:
        # Without a block, the thread wakes up about once in an interval of the loop's measurements.
        while not self._ended.wait(max(self.due + self._patience - time.monotonic(), self._patience)):
            late = time.monotonic() - self.due
            if late >= self._patience:
                self._look(late)

    def _look(self, late: float) -> None:
        self._found = blame_loop(self._loop_thread) or self._found
        if late >= self._report_after and not self._is_reported:
            self._is_reported = True
            log.warning("the event loop has been blocked for %.0f s %s", late, self._found)
