"""Activity of the hub over time, for charts."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Span(enum.StrEnum):
    """Period that charts cover, up to now."""

    DAY = "day"
    WEEK = "week"

    @property
    def bucket_seconds(self) -> int:
        """Length of the intervals of a chart: half an hour, or three hours."""
        return 1800 if self is Span.DAY else 10800

    @property
    def buckets(self) -> int:
        """Number of intervals."""
        return 48 if self is Span.DAY else 56


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityBucket:
    """Activity within one interval.

    Attributes:
        begin: its beginning, in seconds since the epoch.
        users: users with a running server.
        servers: servers that ran.
        starts: starts that began.
        failures: those of them that failed.
        median: median of the seconds from request to ready server; None without a successful start.
        slow: 95th percentile of these seconds; None likewise.
        queued: longest wait in the queue in seconds.
    """

    begin: float
    users: int = 0
    servers: int = 0
    starts: int = 0
    failures: int = 0
    median: float | None = None
    slow: float | None = None
    queued: float = 0.0
