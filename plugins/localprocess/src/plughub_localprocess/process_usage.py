"""CPU time and memory of servers: of their process trees, from one list of all processes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import psutil

from plughub.processes import ProcessIdentity
from plughub.spawner import Usage
from plughub_localprocess.timings import PROCESS_TABLE_SECONDS

TICKS: Final = os.sysconf("SC_CLK_TCK")
PAUSES: Final = 20
"""A list of all processes is reused for at least so many times the time that it takes to read it."""
_COUNTED: Final = (b"RssAnon:", b"RssShmem:")


@dataclass(frozen=True, slots=True)
class _Process:
    """A process: its parent, its group and session, and the CPU time of it and of its ended children."""

    parent: int
    group: int
    session: int
    ticks: int


class ProcessTable:
    """List of all processes, which the measurements of all servers share for a moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._valid_until = float("-inf")
        self._processes: Mapping[int, _Process] = {}
        self._children: Mapping[int, Collection[int]] = {}

    def usage_of(self, server: ProcessIdentity) -> Usage | None:
        """Return the usage of a server's processes; None if its process has ended or the system has no /proc.

        The processes are the descendants of the server's process, and those of its group or session.
        """
        if not server.is_running():
            return None
        processes, children = self._current(server.pid)
        members = _members(server.pid, processes, children)
        if not members or not server.is_running():
            return None
        ticks = sum(processes[pid].ticks for pid in members)
        return Usage(cpu_seconds=ticks / TICKS, memory=sum(map(_memory_of, members)))

    def _current(self, pid: int) -> tuple[Mapping[int, _Process], Mapping[int, Collection[int]]]:
        with self._lock:
            begin = time.monotonic()
            if begin >= self._valid_until or pid not in self._processes:
                self._processes = _read_processes()
                self._children = _children_of(self._processes)
                # With very many processes, the list is read less often.
                end = time.monotonic()
                self._valid_until = end + max(PROCESS_TABLE_SECONDS, PAUSES * (end - begin))
            return self._processes, self._children


_TABLE: Final = ProcessTable()


def measure(server: ProcessIdentity, cpu_limit: float | None, memory_limit: int | None) -> Usage | None:
    """Return the usage of a server's processes, with the limits of its settings; None if it has ended."""
    usage = _TABLE.usage_of(server)
    return usage and replace(usage, cpu_limit=cpu_limit or None, memory_limit=memory_limit or None)


def _read_processes() -> dict[int, _Process]:
    found = {}
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - there may be thousands
                values = stat.read().rpartition(b")")[2].split()
            # proc_pid_stat(5), counted after the name: parent, group, session; times of the process and of
            # the children that it has waited for.
            parent, group, session = map(int, values[1:4])
            found[pid] = _Process(parent, group, session, sum(map(int, values[11:15])))
    return found


def _children_of(processes: Mapping[int, _Process]) -> dict[int, set[int]]:
    """Return for each process its children, and for each leader of a group or session its members."""
    children: defaultdict[int, set[int]] = defaultdict(set)
    for pid, process in processes.items():
        for above in (process.parent, process.group, process.session):
            children[above].add(pid)
    return children


def _members(
    leader: int, processes: Mapping[int, _Process], children: Mapping[int, Collection[int]]
) -> set[int]:
    members: set[int] = set()
    new = {leader} & processes.keys()
    while new:
        members |= new
        new = {child for pid in new for child in children.get(pid, ())} - members
    return members


def _memory_of(pid: int) -> int:
    """Return the bytes of memory of a process without mapped files, which processes share; 0 if it ended."""
    total = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as status:  # noqa: PTH123 - as above
        for line in status:
            if line.startswith(_COUNTED):
                total += int(line.split()[1]) * 1024
    return total
