"""CPU time and memory of processes, as the kernel counts them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import psutil

_CPUCLOCK_SCHED = 2


def cpu_ms(pids: Sequence[int]) -> float:
    """Return the milliseconds of CPU that processes have used so far, with all their threads.

    Their CPU clocks have nanoseconds; ``/proc/PID/stat`` has hundredths of a second.
    """
    return sum(time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED) for pid in pids) * 1000


def cpu_of(pids: Sequence[int], work: Callable[[], object]) -> tuple[float, float]:
    """Do some work and return the milliseconds of CPU of other processes and the seconds that it took."""
    begin, before = time.monotonic(), cpu_ms(pids)
    work()
    return cpu_ms(pids) - before, time.monotonic() - begin


def rss_mb(pids: Sequence[int]) -> float:
    """Return the resident memory of processes."""
    return float(sum(psutil.Process(pid).memory_info().rss for pid in pids)) / 1e6


def listeners(port: int) -> list[int]:
    """Return the processes that listen on a TCP port."""
    found = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port and each.pid
    }
    return sorted(found)
