"""The processes of the hub, and which of them does what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HubProcess:
    """A process of the hub as the database lists it.

    Attributes:
        id: 32 hexadecimal digits.
        host: name of its machine.
        pid: process id on that machine.
        birth: when the process began, in clock ticks since the machine booted; 0 when unknown.
        url: where the proxy reaches it.
        started: when it joined, in seconds since the epoch.
        seen: its last heartbeat, in seconds since the epoch.
        backends: its spawners; None for a process of an older version, which does not report them.
        space: boot and PID namespace in which ``pid`` is valid; empty when unknown.
    """

    id: str
    host: str
    pid: int
    birth: float = 0.0
    url: str = ""
    started: float = 0.0
    seen: float = 0.0
    backends: frozenset[str] | None = None
    space: str = ""


@dataclass(frozen=True, slots=True)
class HubStatus:
    """What a process of the hub does.

    Attributes:
        process: the process.
        alive: whether it sent a heartbeat lately.
        leads: names of the leases that it holds, sorted.
    """

    process: HubProcess
    alive: bool
    leads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HubHealth:
    """The state of the hub as one of its processes reads it from the database.

    Attributes:
        hub: id of the process that read it.
        hubs: all processes, the oldest first.
        leases: holders by name of the lease.
        services: state of each service by name.
    """

    hub: str
    hubs: tuple[HubStatus, ...]
    leases: Mapping[str, str]
    services: Mapping[str, str]
