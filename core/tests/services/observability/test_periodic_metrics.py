"""How late the loop is, looked at often while somebody reads that, and now and then else."""

import asyncio
import contextlib
import time
from itertools import pairwise

import pytest

from plughub.services.observability.metrics import Metrics
from plughub.services.observability.periodic_metrics import watch_loop
from plughub.testing.conditions import keep_busy

RESOLUTION, THRESHOLD = 0.02, 0.4
AT_REST = THRESHOLD / 4


class Looked(Metrics):
    """Metrics that note each look at the loop."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def loop_interval(self, seconds):
        super().loop_interval(seconds)
        self.seen.append((time.monotonic(), seconds))

    @property
    def pauses(self):
        """Seconds between each look and the next one."""
        return [after - before for (before, _), (after, _) in pairwise(self.seen)]


@pytest.fixture
async def metrics():
    metrics = Looked()
    task = asyncio.create_task(watch_loop(metrics, RESOLUTION, THRESHOLD))
    yield metrics
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_loop_is_looked_at_now_and_then_while_nobody_reads_it_and_often_when_somebody_does(
    metrics, until
):
    await until(lambda: len(metrics.seen) > 3)
    assert min(metrics.pauses) > AT_REST * 0.9
    metrics.render("")
    await until(lambda: min(metrics.pauses) < AT_REST / 2)


async def test_a_loop_that_stands_still_is_told_at_rest_too(metrics, until, caplog):
    await until(lambda: metrics.seen)
    keep_busy(0.6)
    await until(lambda: "the event loop stood still for at least" in caplog.text)
    assert max(seconds for _, seconds in metrics.seen) >= THRESHOLD
