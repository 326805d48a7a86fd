"""Which process is meant: its number and when it began, because numbers are used again."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import psutil


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
        return self.exists() and not is_zombie(self.pid)


def start_of(pid: int) -> str | None:
    """Tell when a process began.

    Args:
        pid: its number.

    Returns:
        Machine start and ticks since then; None when there is no such process.

    Source:
        ``proc(5)``: field 22 of ``/proc/<pid>/stat``, counted after the name in brackets.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return _portable_start(pid) if not _has_proc() else None
    return f"{_boot()}/{stat.rpartition(b')')[2].split()[19].decode()}"


def is_zombie(pid: int) -> bool:
    """Tell whether a process is dead, but its parent has not asked for its exit code yet."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


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
