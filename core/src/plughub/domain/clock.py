"""Time, always in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_WITHOUT_ZONE: Final = len("2026-01-31T12:00:00.000000")


def utcnow() -> datetime:
    """Return the current time.

    Returns:
        A time-zone-aware time in UTC.
    """
    return datetime.now(UTC)


def isoformat(moment: datetime | None) -> str | None:
    """Format a time as in the API: ISO 8601 with microseconds and ``Z``.

    Args:
        moment: a time-zone-aware time, or None.

    Returns:
        The text, or None.
    """
    if moment is None:
        return None
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{in_utc.isoformat(timespec='microseconds')[:_WITHOUT_ZONE]}Z"
