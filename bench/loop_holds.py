"""Longest time for which one step held the event loop of a hub, in memory shared with the benchmark.

The hub's configuration file calls `watch`. Wall time includes waits for other processes and for threads of
the hub; CPU time does not.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import time
from pathlib import Path

LAYOUT = struct.Struct("=dd")


class Holds:
    """Longest hold since the last reset.

    Args:
        path: the shared file, which is created if it is missing.
    """

    def __init__(self, path: str) -> None:
        file = Path(path)
        if not file.exists():
            file.write_bytes(LAYOUT.pack(0, 0))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), LAYOUT.size)

    def record(self, wall: float, cpu: float) -> None:
        """Record one step, in seconds."""
        longest = LAYOUT.unpack_from(self._memory)
        if wall > longest[0] or cpu > longest[1]:
            LAYOUT.pack_into(self._memory, 0, max(wall, longest[0]), max(cpu, longest[1]))

    def take(self) -> tuple[float, float]:
        """Return milliseconds of the longest step by the clock and by CPU time, and reset both."""
        wall, cpu = LAYOUT.unpack_from(self._memory)
        LAYOUT.pack_into(self._memory, 0, 0, 0)
        return wall * 1000, cpu * 1000


def watch(path: str) -> None:
    """Measure each step of the event loops of this process."""
    holds, handle = Holds(path), asyncio.events.Handle
    run = handle._run  # noqa: SLF001 - the loop offers no other place

    def measured(self: asyncio.Handle) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        run(self)
        holds.record(time.perf_counter() - wall, time.thread_time() - cpu)

    handle._run = measured  # type: ignore[method-assign]  # noqa: SLF001
