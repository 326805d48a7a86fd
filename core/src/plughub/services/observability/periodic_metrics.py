"""Taking the measure of a hub process now and then: how late its loop is, what its database holds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from plughub.domain.clock import utcnow
from plughub.domain.timings import FRESH_COUNTS_SECONDS, LOOP_DELAY_SECONDS
from plughub.services.coordination.background_loops import next_beat
from plughub.services.observability.metrics import Metrics
from plughub.storage.store import Store

log = logging.getLogger("plughub.metrics")
Busy = Callable[[], Mapping[str, tuple[int, int]]]
"""Tells by plugin how many of its threads work, and how many calls wait for one."""


class MetricsReport:
    """Answers the page with metrics. The database is asked by one query, and not for every request.

    Args:
        store: the storage.
        metrics: what is measured.
        threads: what the threads of plugins do.
        active_users_every: seconds between two counts of who was active; None to count that never.
    """

    def __init__(
        self, store: Store, metrics: Metrics, threads: Busy, *, active_users_every: float | None = 0
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._threads = threads
        self._every = active_users_every
        self._counted = float("-inf")
        self._counted_active = float("-inf")

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Measure what is not measured all the time, and write everything down.

        Args:
            accept: header of the request.

        Returns:
            The text and its content type.
        """
        if time.monotonic() - self._counted > FRESH_COUNTS_SECONDS:
            await self._count()
        for plugin, (busy, waiting) in self._threads().items():
            self._metrics.threads(plugin, busy, waiting)
        return self._metrics.render(accept)

    async def _count(self) -> None:
        now, begin = utcnow(), time.monotonic()
        active = self._every is not None and begin - self._counted_active >= self._every
        numbers = await self._store.read(lambda tx: tx.hub_counts(now, active_users=active))
        self._metrics.numbers(numbers)
        self._counted = begin
        self._counted_active = begin if active else self._counted_active


async def watch_loop(metrics: Metrics, resolution: float, threshold: float) -> None:
    """Measure for ever how late the event loop is; less often while nobody reads the metrics.

    Args:
        metrics: what is measured.
        resolution: seconds between two looks.
        threshold: seconds of delay that are worth a line in the log.
    """
    loop = asyncio.get_running_loop()
    at_rest = max(resolution, min(LOOP_DELAY_SECONDS, threshold / 4))
    due, timer = loop.time(), None

    def wait() -> None:
        nonlocal due, timer
        due = next_beat(loop.time(), resolution if metrics.read_lately else at_rest)
        timer = loop.call_at(due, tick)

    # A bare timer: a task that sleeps costs three times as much, twenty times a second.
    def tick() -> None:
        late = loop.time() - due
        metrics.loop_interval(max(resolution, late))  # less cannot be told from the pause itself
        if late >= threshold:
            log.warning("the event loop stood still for at least %.2f s", late)
        wait()

    wait()
    try:
        await loop.create_future()
    finally:
        if timer is not None:
            timer.cancel()
