"""Process groups: a launched process and its descendants, except those that left the group."""

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
        leader: the launched process.
        marks: environment variables that its members inherit.
    """

    leader: ProcessIdentity
    marks: Mapping[str, str] = field(default_factory=dict)

    def is_running(self) -> bool:
        """Return whether any process of the group runs."""
        return self.leader.is_running() or bool(self.members())

    def members(self) -> list[int]:
        """List the running processes of the group, if it still is the launched one."""
        try:
            os.killpg(self.leader.pid, 0)
        except ProcessLookupError:
            return []
        except PermissionError:
            return []
        running = [pid for pid in psutil.pids() if _group_of(pid) == self.leader.pid and start_of(pid)]
        return running if self._is_ours(running) else []

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all members, if the group still is the launched one.

        Raises:
            PermissionError: the hub may not signal the group.
        """
        if not self.leader.exists() and not self.members():
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.leader.pid, number)

    def _is_ours(self, members: list[int]) -> bool:
        """Return whether the number still belongs to the launched group."""
        # The kernel does not reuse a number while a group of that number has members. So the group is the
        # launched one if its leader is the launched process, or if a member has the marks.
        now = ProcessIdentity.of(self.leader.pid)
        if now is not None:
            return now == self.leader
        return any(has_marks(pid, self.marks) for pid in members)


def has_marks(pid: int, marks: Mapping[str, str]) -> bool:
    """Return whether a process has inherited all of the variables; False if there are none."""
    environment = environment_of(pid)
    return bool(marks) and all(environment.get(name) == value for name, value in marks.items())


def environment_of(pid: int) -> dict[str, str]:
    """Return the initial environment of a process; empty if it cannot be read."""
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return 0
