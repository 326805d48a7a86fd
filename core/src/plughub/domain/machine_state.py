"""Free resources of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """File system on which the hub or its servers write.

    Attributes:
        path: a folder on it.
        total: size in bytes.
        free: bytes that are free for users without privileges.
    """

    path: str
    total: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """Resources of a machine on which a hub process runs.

    Attributes:
        host: name of the machine.
        at: time of the reading, in seconds since the epoch.
        cpus: CPU cores that the process may use.
        load: average number of processes that ran or waited for a CPU in the last minute.
        memory: bytes of memory.
        memory_free: bytes that programs can still allocate.
        disks: file systems.
    """

    host: str
    at: float
    cpus: int
    load: float
    memory: int
    memory_free: int
    disks: tuple[Disk, ...] = ()

    def packed(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return {
            "host": self.host,
            "at": self.at,
            "cpus": self.cpus,
            "load": self.load,
            "memory": self.memory,
            "memory_free": self.memory_free,
            "disks": [{"path": disk.path, "total": disk.total, "free": disk.free} for disk in self.disks],
        }


def unpack_machine(packed: Mapping[str, Any]) -> MachineState:
    """Return a state from JSON of `MachineState.packed`."""
    disks = tuple(Disk(**disk) for disk in packed["disks"])
    return MachineState(**{**packed, "disks": disks})
