"""Child processes of this hub process: their exit codes are read, so that none remains a zombie."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import OrderedDict
from typing import Final

from plughub.processes import ProcessIdentity
from plughub_localprocess.timings import EXIT_CODE_SECONDS


class ChildProcesses:
    """Child processes, by the server process that each of them is or supervises.

    Args:
        limit: number of exit codes of finished children to keep.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._running: dict[ProcessIdentity, subprocess.Popen[bytes]] = {}
        self._finished: OrderedDict[ProcessIdentity, int] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, server: ProcessIdentity, child: subprocess.Popen[bytes]) -> None:
        """Add a child, and reap all others that have ended.

        Args:
            server: process of the server.
            child: the same process, or the supervisor that is its parent.
        """
        with self._lock:
            self._running[server] = child
        self.reap()

    def reap(self) -> None:
        """Read the exit codes of all children that have ended."""
        may_have_ended = _may_have_ended_child()
        with self._lock:
            for server, child in list(self._running.items()):
                # Another thread may have reaped it.
                code = child.poll() if may_have_ended else child.returncode
                if code is not None:
                    self._finish(server, code)

    def exit_code(self, server: ProcessIdentity) -> int | None:
        """Return the exit code of a child, negative for a signal; None if it runs or is unknown."""
        with self._lock:
            child = self._running.get(server)
        if child is not None and (code := self._ended(server, child)) is not None:
            with self._lock:
                self._finish(server, code)
        with self._lock:
            return self._finished.get(server)

    def _ended(self, server: ProcessIdentity, child: subprocess.Popen[bytes]) -> int | None:
        if server.is_running():
            return child.poll()
        try:
            return child.wait(EXIT_CODE_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def _finish(self, server: ProcessIdentity, code: int) -> None:
        self._running.pop(server, None)
        self._finished[server] = code
        while len(self._finished) > self._limit:
            self._finished.popitem(last=False)


def _may_have_ended_child() -> bool:
    """Return whether a child of this process waits to be reaped, with one call for all, which reaps none."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except (AttributeError, OSError):
        # The system does not have this call, or something else has reaped all children.
        return True


CHILDREN: Final = ChildProcesses()
"""Children of this hub process."""
