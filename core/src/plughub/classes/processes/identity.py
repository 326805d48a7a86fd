"""Which process is meant: its number and when it began, because numbers are used again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import psutil

_DEAD: Final = frozenset({b"Z", b"X"})


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, told from a later one with the same pid by its start.

    Attributes:
        pid: process id.
        started: when it began: clock ticks since boot and the boot, where the system tells.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Identify the process that has a pid now.

        Args:
            pid: process id.

        Returns:
            The identity, also of a zombie; None when there is no such process.

        Raises:
            OSError: the system does not tell.
        """
        looked = _look(pid)
        return None if looked is None else cls(pid, looked[0])

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ProcessIdentity | None:
        """Read what `as_state` gave.

        Args:
            state: JSON, maybe of somebody else.

        Returns:
            The process, running or not; None when there is none in it.
        """
        pid, started = state.get("pid"), state.get("started")
        return cls(pid, started) if isinstance(pid, int) and isinstance(started, str) else None

    def as_state(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"pid": self.pid, "started": self.started}

    @property
    def ticks(self) -> float:
        """When it began, as a number: clock ticks since boot, where the system tells."""
        return float(self.started.partition("@")[0])

    def exists(self) -> bool:
        """Return whether it is there, running or as a zombie."""
        looked = _look(self.pid)
        return looked is not None and looked[0] == self.started

    def is_running(self) -> bool:
        """Return whether it runs; a zombie does not."""
        return _look(self.pid) == (self.started, True)


def start_of(pid: int) -> str | None:
    """Tell when a process began.

    Args:
        pid: its id.

    Returns:
        A text that no other process of this pid has; None when there is none, or only a zombie.

    Raises:
        OSError: the system does not tell.
    """
    looked = _look(pid)
    return looked[0] if looked is not None and looked[1] else None


@cache
def process_space() -> str:
    """Tell where process ids mean what they mean here.

    Returns:
        The same in one PID namespace of one machine, until that boots again; empty when unknown.

    Source:
        proc(5), pid_namespaces(7).
    """
    try:
        return f"{_boot()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _look(pid: int) -> tuple[str, bool] | None:
    """Read by one look when a process began and whether it runs; None when there is no such process.

    Source:
        proc_pid_stat(5): fields 3 (state) and 22 (start time), counted after the name in brackets.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - it is asked all the time
            fields = stat.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None if _has_proc() else _look_without_proc(pid)
    return f"{fields[19].decode()}@{_boot()}", fields[0] not in _DEAD


def _look_without_proc(pid: int) -> tuple[str, bool] | None:
    try:
        process = psutil.Process(pid)
        return f"{process.create_time():.2f}", process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None


@cache
def _has_proc() -> bool:
    return Path("/proc/self/stat").exists()


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
