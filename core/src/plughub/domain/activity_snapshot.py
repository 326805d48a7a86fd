"""What goes on in the hub as a whole, as far as one look tells."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySnapshot:
    """As long as it stays the same and nothing is under way, no server has changed.

    Attributes:
        under_way: operations that are not done.
        free: one of them waits in the queue or is held by nobody.
        last_done: when the last one was done, in seconds since the epoch; 0 for never.
        hubs: processes of the hub.
        last_joined: when the last of them began, in seconds since the epoch; 0 for never.
        leaving: users who are being deleted.
        at: when that was looked at, by the database's clock, in seconds since the epoch.
    """

    under_way: int
    free: bool
    last_done: float
    hubs: int
    last_joined: float
    leaving: int = field(compare=False)
    at: float = field(compare=False)
