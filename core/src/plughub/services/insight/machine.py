"""Free resources of this machine, and findings about them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from plughub.domain.findings import Finding, Severity
from plughub.domain.machine_state import Disk, MachineState
from plughub.domain.words import _

_MEMORY: Final = Path("/proc/meminfo")
_LIMITS: Final = ((Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),)
_GIB: Final = 1024**3
HOMES: Final = Path("/home")
"""Where users of a machine have their files."""
LOW_DISK: Final = (0.10, 5 * _GIB)
FULL_DISK: Final = (0.02, _GIB // 2)
"""Free part of a disk, and bytes: below both, a disk is low or full."""
LOW_MEMORY: Final = 0.05
MANY_FILES: Final = 0.8


def read_machine(host: str, folders: Iterable[Path]) -> MachineState:
    """Read the free resources of this machine. May block.

    Args:
        host: name of this machine.
        folders: folders on the file systems that matter.
    """
    total, free = _memory()
    return MachineState(
        host=host,
        at=time.time(),
        cpus=len(os.sched_getaffinity(0)),
        load=round(os.getloadavg()[0], 2),
        memory=total,
        memory_free=free,
        disks=tuple(_disks(folders)),
    )


def machine_findings(machine: MachineState) -> Iterator[Finding]:
    """Yield what is scarce on a machine."""
    for disk in machine.disks:
        if _is_below(disk, LOW_DISK):
            full = _is_below(disk, FULL_DISK)
            yield Finding(
                code="H030",
                severity=Severity.ERROR if full else Severity.WARNING,
                subject=f"{machine.host}:{disk.path}",
                message=_(
                    "the disk of %(path)s on %(host)s has %(free)s GiB free of %(total)s GiB",
                    path=disk.path,
                    host=machine.host,
                    free=f"{disk.free / _GIB:.1f}",
                    total=f"{disk.total / _GIB:.0f}",
                ),
                action=_("delete files, or enlarge the disk. Without space the hub cannot store anything"),
            )
    if machine.memory and machine.memory_free < LOW_MEMORY * machine.memory:
        yield Finding(
            code="H031",
            severity=Severity.WARNING,
            subject=machine.host,
            message=_(
                "%(host)s has %(free)s GiB of memory free of %(total)s GiB",
                host=machine.host,
                free=f"{machine.memory_free / _GIB:.1f}",
                total=f"{machine.memory / _GIB:.0f}",
            ),
            action=_("stop servers, or limit their memory (c.Spawner.mem_limit)"),
        )


def process_findings(host: str) -> Iterator[Finding]:
    """Yield what is scarce in this process. May block."""
    import resource  # noqa: PLC0415 - not on all systems

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError):
        used = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only
        if used > MANY_FILES * limit:
            yield Finding(
                code="H032",
                severity=Severity.ERROR,
                subject=f"{host}, process {os.getpid()}",
                message=f"the hub process on {host} has {used} files and connections open of {limit}",
                action="raise its limit, such as LimitNOFILE=65536 in the unit of systemd",
            )


def _is_below(disk: Disk, bounds: tuple[float, int]) -> bool:
    part, size = bounds
    return disk.free < part * disk.total and disk.free < size


def _memory() -> tuple[int, int]:
    """Return the bytes of memory of this machine or container, and those that are free."""
    found = {}
    with contextlib.suppress(OSError, ValueError):
        for line in _MEMORY.read_text().splitlines():
            name, _, value = line.partition(":")
            found[name] = int(value.split()[0]) * 1024
    total, free = found.get("MemTotal", 0), found.get("MemAvailable", 0)
    for maximum, current in _LIMITS:
        with contextlib.suppress(OSError, ValueError):
            limit = int(maximum.read_text())
            if limit < total:
                total, free = limit, max(0, min(free, limit - int(current.read_text())))
    return total, free


def _disks(folders: Iterable[Path]) -> Iterator[Disk]:
    seen = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            device, state = folder.stat().st_dev, os.statvfs(folder)
            if device not in seen and state.f_blocks:
                seen.add(device)
                size = state.f_frsize
                yield Disk(path=str(folder), total=state.f_blocks * size, free=state.f_bavail * size)
