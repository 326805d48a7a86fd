"""Delay of the event loop, measured often while the metrics are read, and rarely otherwise."""

import asyncio
import contextlib
import time
from itertools import pairwise

import pytest

from plughub.services.observability.metrics import Metrics
from plughub.services.observability.periodic_metrics import measure_loop_delay
from plughub.testing.conditions import keep_busy

RESOLUTION, THRESHOLD = 0.02, 0.4
AT_REST = THRESHOLD / 4


class RecordingMetrics(Metrics):
    """Metrics that record each measurement of the event loop."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def observe_loop_delay(self, seconds):
        super().observe_loop_delay(seconds)
        self.seen.append((time.monotonic(), seconds))

    @property
    def pauses(self):
        """Return the seconds between successive measurements."""
        return [after - before for (before, _), (after, _) in pairwise(self.seen)]


@pytest.fixture
async def metrics():
    metrics = RecordingMetrics()
    task = asyncio.create_task(measure_loop_delay(metrics, RESOLUTION, THRESHOLD))
    yield metrics
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_loop_is_measured_less_often_while_metrics_are_not_read(metrics, until):
    await until(lambda: len(metrics.seen) > 3)
    assert min(metrics.pauses) > AT_REST * 0.9
    metrics.render("")
    await until(lambda: min(metrics.pauses) < AT_REST / 2)


async def test_a_blocked_loop_is_reported_while_metrics_are_not_read(metrics, until, caplog):
    await until(lambda: metrics.seen)
    keep_busy(0.6)
    await until(lambda: "the event loop was blocked for at least" in caplog.text)
    assert max(seconds for _, seconds in metrics.seen) >= THRESHOLD
