"""Snapshot of activity in the hub."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySnapshot:
    """Open operations, hub processes and pending deletions at one moment.

    If two snapshots are equal and no operation is open, no server has changed between them.

    Attributes:
        under_way: number of operations that are not done.
        free: whether one of them is queued or has no valid lease.
        last_done: end of the latest finished operation, in seconds since the epoch; 0 if there is none.
        hubs: number of hub processes.
        last_joined: start of the latest hub process, in seconds since the epoch; 0 if there is none.
        leaving: number of pending user deletions.
        at: time of the snapshot by the database's clock, in seconds since the epoch.
    """

    under_way: int
    free: bool
    last_done: float
    hubs: int
    last_joined: float
    leaving: int = field(compare=False)
    at: float = field(compare=False)
