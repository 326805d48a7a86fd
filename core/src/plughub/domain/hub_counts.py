"""The hub as a whole in a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

PERIODS: Final[Mapping[str, timedelta]] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
"""For which it is counted how many users were active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubCounts:
    """What the database tells about the hub as a whole; the same in all its processes.

    Attributes:
        users: how many there are.
        active_users: how many were active, by period.
        running_servers: how many run.
        starts_queued: starts that wait for their turn.
        operations: starts and stops that go on, those that wait too, by kind.
    """

    users: int = 0
    active_users: Mapping[str, int] = field(default_factory=dict)
    running_servers: int = 0
    starts_queued: int = 0
    operations: Mapping[str, int] = field(default_factory=dict)
