"""Which process is meant: its number and when it began, because numbers are used again."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_ZOMBIE: Final = b"Z"


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, for all time.

    Attributes:
        pid: its number.
        started: when it began, in a form that is the same after a restart of the hub and never the same
            after a restart of the machine.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Identify the process that has a number now.

        Args:
            pid: the number.

        Returns:
            The identity, None when there is no such process.
        """
        started = start_of(pid)
        return None if started is None else cls(pid, started)

    def exists(self) -> bool:
        """Tell whether the process is there, perhaps dead but not buried yet."""
        return start_of(self.pid) == self.started

    def is_running(self) -> bool:
        """Tell whether the process runs."""
        looked = _look(self.pid)
        if looked is None:
            return self.exists() and not is_zombie(self.pid)
        started, state = looked
        return started == self.started and state != _ZOMBIE


def start_of(pid: int) -> str | None:
    """Tell when a process began.

    Args:
        pid: its number.

    Returns:
        Machine start and ticks since then; None when there is no such process.
    """
    looked = _look(pid)
    if looked is None:
        return _portable_start(pid) if not _has_proc() else None
    return looked[0]


def is_zombie(pid: int) -> bool:
    """Tell whether a process is dead, but its parent has not asked for its exit code yet."""
    if (looked := _look(pid)) is not None:
        return looked[1] == _ZOMBIE
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _look(pid: int) -> tuple[str, bytes] | None:
    """Read start and state of a process by one look; None when it is not there, or nothing tells.

    Source:
        ``proc(5)``: fields 22 and 3 of ``/proc/<pid>/stat``, counted after the name in brackets.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - it is asked all the time
            fields = stat.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return f"{_boot()}/{fields[19].decode()}", fields[0]


@functools.cache
def _has_proc() -> bool:
    return Path("/proc/self/stat").exists()


@functools.cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _portable_start(pid: int) -> str | None:
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
