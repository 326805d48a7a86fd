"""Durations as people write them."""

from __future__ import annotations

import re
from typing import Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.timings import DAY, HOUR, MINUTE

_UNITS: Final = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION: Final = re.compile(r"(\d{1,9})\s*([smhdw])", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the seconds of a duration such as ``90m``, ``12h``, ``2d`` or ``1w``.

    Raises:
        InvalidError: the text is no duration.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise InvalidError(
            f"not a duration: {shorten(text)}",
            hint="write a number and a unit: s, m, h, d or w, as in 90m or 2d",
        )
    return int(found[1]) * _UNITS[found[2]]


def describe_duration(seconds: int) -> str:
    """Return a duration in the form that `parse_duration` reads, in the largest unit without a remainder."""
    unit = next(name for name in reversed(_UNITS) if seconds % _UNITS[name] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"
