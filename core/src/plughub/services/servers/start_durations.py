"""Usual durations of starts, which pages show beside the progress of a start."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from typing import Final

from plughub.domain.servers import Operation, ServerRecord, profile_of
from plughub.domain.timings import USUAL_START_SECONDS
from plughub.services.servers.shared_readings import SharedReadings
from plughub.storage.store import Store

FEWEST: Final = 3
"""Starts from which something can be said about the next one."""
SAMPLE: Final = 50
REMEMBERED: Final = 500
_TENTHS: Final = 10


@dataclass(frozen=True, slots=True)
class UsualDuration:
    """Durations of recent starts in seconds, from the request.

    Attributes:
        median: half of them took at most so long.
        longest: nine of ten took at most so long.
    """

    median: float
    longest: float


class StartDurations:
    """Finds how long starts of a backend and a profile usually take.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: SharedReadings[tuple[str, str], UsualDuration | None] = SharedReadings(
            USUAL_START_SECONDS, REMEMBERED
        )

    async def usual(self, server: ServerRecord, operation: Operation) -> UsualDuration | None:
        """Return the usual duration of a start like this one; None if too few are known."""
        key = (operation.backend, profile_of(server))
        return await self._found.get(key, partial(self._read, key))

    async def _read(self, key: tuple[str, str], _before: UsualDuration | None) -> UsualDuration | None:
        seconds = await self._store.read(lambda tx: tx.runs.start_durations(*key, limit=SAMPLE))
        if len(seconds) < FEWEST:
            return None
        tenths = quantiles(seconds, n=_TENTHS, method="inclusive")
        return UsualDuration(median=tenths[_TENTHS // 2 - 1], longest=tenths[-1])
