"""Identity of processes: pid and start time, because the system reuses pids."""

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
    """Identity of a process, which a later process with the same pid does not share.

    Attributes:
        pid: process ID.
        started: start time: clock ticks since boot and the boot ID, if the system provides them.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Return the identity of the process that currently has a pid.

        Args:
            pid: process ID.

        Returns:
            The identity, also of a zombie; None if there is no such process.

        Raises:
            OSError: the system does not provide the information.
        """
        found = _read_start(pid)
        return None if found is None else cls(pid, found[0])

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ProcessIdentity | None:
        """Read the result of `as_state`.

        Args:
            state: JSON-able dictionary, possibly of another version or plugin.

        Returns:
            The identity, of a running process or not; None if the state contains none.
        """
        pid, started = state.get("pid"), state.get("started")
        return cls(pid, started) if isinstance(pid, int) and isinstance(started, str) else None

    def as_state(self) -> dict[str, Any]:
        """Return the identity as a JSON-able dictionary."""
        return {"pid": self.pid, "started": self.started}

    @property
    def ticks(self) -> float:
        """Start time as a number: clock ticks since boot, if the system provides them."""
        return float(self.started.partition("@")[0])

    def exists(self) -> bool:
        """Return whether the process exists, running or as a zombie."""
        found = _read_start(self.pid)
        return found is not None and found[0] == self.started

    def is_running(self) -> bool:
        """Return whether the process runs; a zombie does not."""
        return _read_start(self.pid) == (self.started, True)


def start_of(pid: int) -> str | None:
    """Return the start time of a running process.

    Args:
        pid: process ID.

    Returns:
        A string that no other process with this pid has; None if there is no process, or only a zombie.

    Raises:
        OSError: the system does not provide the information.
    """
    found = _read_start(pid)
    return found[0] if found is not None and found[1] else None


@cache
def process_space() -> str:
    """Return a name for the space in which pids of this process are valid.

    Returns:
        The same string in one PID namespace of one machine until its next boot; empty if unknown.

    Source:
        proc(5), pid_namespaces(7).
    """
    try:
        return f"{_boot()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _read_start(pid: int) -> tuple[str, bool] | None:
    """Return the start time of a process and whether it runs, read at once; None if there is no such process.

    Source:
        proc_pid_stat(5): fields 3 (state) and 22 (start time), counted after the name in brackets.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - hot path
            fields = stat.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None if _has_proc() else _read_start_without_proc(pid)
    return f"{fields[19].decode()}@{_boot()}", fields[0] not in _DEAD


def _read_start_without_proc(pid: int) -> tuple[str, bool] | None:
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
