"""Metrics that are measured periodically: delay of the event loop, counts from the database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from plughub.domain.clock import utcnow
from plughub.domain.hub_counts import DEFAULT_WINDOW
from plughub.domain.timings import FRESH_COUNTS_SECONDS, LOOP_DELAY_SECONDS
from plughub.services.coordination.background_loops import next_tick
from plughub.services.observability.loop_watchdog import LoopWatchdog
from plughub.services.observability.metrics import Metrics
from plughub.storage.store import Store

log = logging.getLogger("plughub.metrics")
Busy = Callable[[], Mapping[str, tuple[int, int]]]
"""Returns, by plugin, the number of busy threads and of calls waiting for one."""


class MetricsReport:
    """Renders the metrics page, with one cached query to the database.

    Args:
        store: the storage.
        metrics: the metrics.
        threads: state of the threads of plugins.
        active_users_every: seconds between two counts of active users; None to never count them.
        active_window: length of the configured period for which active users are counted.
    """

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        threads: Busy,
        *,
        active_users_every: float | None = 0,
        active_window: timedelta = DEFAULT_WINDOW,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._threads = threads
        self._every = active_users_every
        self._window = active_window
        self._counted = float("-inf")
        self._counted_active = float("-inf")

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Update the gauges and render all metrics.

        Args:
            accept: header of the request.

        Returns:
            The text and its content type.
        """
        if time.monotonic() - self._counted > FRESH_COUNTS_SECONDS:
            await self._count()
        for plugin, (busy, waiting) in self._threads().items():
            self._metrics.set_threads(plugin, busy, waiting)
        return self._metrics.render(accept)

    async def _count(self) -> None:
        now, begin = utcnow(), time.monotonic()
        active = self._every is not None and begin - self._counted_active >= self._every
        numbers = await self._store.read(
            lambda tx: tx.hub_counts(now, active_users=active, window=self._window)
        )
        self._metrics.set_counts(numbers)
        self._counted = begin
        self._counted_active = begin if active else self._counted_active


async def measure_loop_delay(metrics: Metrics, resolution: float, threshold: float) -> None:
    """Measure the delay of the event loop until cancelled, less often while the metrics are not read.

    Args:
        metrics: the metrics.
        resolution: seconds between two measurements.
        threshold: delay in seconds that is logged.
    """
    loop = asyncio.get_running_loop()
    at_rest = max(resolution, min(LOOP_DELAY_SECONDS, threshold / 2))
    due, timer = loop.time(), None
    watchdog = LoopWatchdog(threshold / 2, due)

    def wait() -> None:
        nonlocal due, timer
        watchdog.due = due = next_tick(loop.time(), resolution if metrics.was_read_recently else at_rest)
        timer = loop.call_at(due, tick)

    # A plain timer: a sleeping task costs three times as much, twenty times a second.
    def tick() -> None:
        late = loop.time() - due
        metrics.observe_loop_delay(max(resolution, late))  # less cannot be measured
        if late >= threshold:
            text = f"the event loop was blocked for at least {late:.2f} s {watchdog.take()}"
            log.warning("%s", text.rstrip())
        wait()

    wait()
    try:
        await loop.create_future()
    finally:
        watchdog.close()
        if timer is not None:
            timer.cancel()
