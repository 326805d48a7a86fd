"""Process groups: everything that a server started and did not send away, signalled as one."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

from plughub.processes import ProcessIdentity, start_of


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The group that a launched process leads, or led.

    Attributes:
        leader: the process that was launched.
        marks: environment variables that its members inherit.
    """

    leader: ProcessIdentity
    marks: Mapping[str, str] = field(default_factory=dict)

    def is_running(self) -> bool:
        """Tell whether anything of it runs."""
        return self.leader.is_running() or bool(self.members())

    def members(self) -> list[int]:
        """List the processes that run in the group, while it is surely the one that was launched."""
        try:
            os.killpg(self.leader.pid, 0)
        except ProcessLookupError:
            return []
        except PermissionError:
            return []
        running = [pid for pid in psutil.pids() if _group_of(pid) == self.leader.pid and start_of(pid)]
        return running if self._is_ours(running) else []

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all members; to nobody when the group is not ours any more.

        Args:
            number: the signal.

        Raises:
            PermissionError: the hub may not.
        """
        if not self.leader.exists() and not self.members():
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.leader.pid, number)

    def _is_ours(self, members: list[int]) -> bool:
        """Decide whether the number still means the group that was launched.

        The kernel gives a number to nobody else while a group of that number has members. So the group is
        ours when its leader is, or when one member carries our marks.
        """
        now = ProcessIdentity.of(self.leader.pid)
        if now is not None:
            return now == self.leader
        return any(carries(pid, self.marks) for pid in members)


def carries(pid: int, marks: Mapping[str, str]) -> bool:
    """Tell whether a process has inherited certain environment variables.

    Args:
        pid: its number.
        marks: the variables; none at all are carried by nobody.

    Returns:
        Whether it has them all.
    """
    environment = environment_of(pid)
    return bool(marks) and all(environment.get(name) == value for name, value in marks.items())


def environment_of(pid: int) -> dict[str, str]:
    """Read the environment with which a process began.

    Args:
        pid: its number.

    Returns:
        The variables; empty when they cannot be read.
    """
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return 0
