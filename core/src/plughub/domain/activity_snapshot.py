"""Snapshot of activity in the hub."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySnapshot:
    """Open operations, hub processes and pending deletions at one moment.

    If two snapshots are equal and no operation is open, no server has changed between them, and no hub
    process has died.

    Attributes:
        open_operations: number of operations that are not done.
        has_unclaimed: whether one of them is queued or has no valid lease.
        last_done: end of the latest finished operation, in seconds since the epoch; 0 if there is none.
        hubs: number of hub processes.
        live_hubs: number of those with a valid heartbeat.
        last_hub_started: start of the latest hub process, in seconds since the epoch; 0 if there is none.
        pending_deletions: number of pending user deletions.
        at: time of the snapshot by the database's clock, in seconds since the epoch.
    """

    open_operations: int
    has_unclaimed: bool
    last_done: float
    hubs: int
    last_hub_started: float
    live_hubs: int = 0
    pending_deletions: int = field(compare=False)
    at: float = field(compare=False)
