"""Time, always in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def utcnow() -> datetime:
    """Tell the time.

    Returns:
        The time with its zone, UTC.
    """
    return datetime.now(UTC)


def isoformat(moment: datetime | None) -> str | None:
    """Write a time as the API does: ISO 8601, microseconds, ``Z``.

    Args:
        moment: a time with its zone, or None.

    Returns:
        The text, or None.
    """
    if moment is None:
        return None
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
