"""Time limits of batch jobs, as batchspawner passes them to the batch system."""

from __future__ import annotations

import re
from typing import Final

_LIMIT: Final = re.compile(r"(?:(?P<days>\d{1,4})-)?(?P<hours>\d{1,5}):(?P<minutes>\d\d):(?P<seconds>\d\d)")
_UNITS: Final = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def seconds_of(limit: object) -> float | None:
    """Return a time limit such as ``12:00:00`` or ``2-00:00:00`` in seconds; None if it is another text.

    Batch systems disagree about shorter texts: ``30`` is minutes for some and seconds for others.
    """
    found = _LIMIT.fullmatch(limit.strip()) if isinstance(limit, str) else None
    if found is None:
        return None
    return float(sum(int(found[name] or 0) * unit for name, unit in _UNITS.items()))
