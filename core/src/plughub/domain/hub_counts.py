"""Statistics of the whole hub."""

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
"""Periods for which active users are counted."""
WINDOW: Final = "window"
"""Name of the period that `JupyterHub.active_user_window` sets."""
DEFAULT_WINDOW: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubCounts:
    """Statistics from the database, the same in all hub processes.

    Attributes:
        users: number of users.
        active_users: number of active users by period.
        running_servers: number of running servers.
        starts_queued: number of queued starts.
        operations: number of open operations by kind, including queued starts.
    """

    users: int = 0
    active_users: Mapping[str, int] = field(default_factory=dict)
    running_servers: int = 0
    starts_queued: int = 0
    operations: Mapping[str, int] = field(default_factory=dict)
