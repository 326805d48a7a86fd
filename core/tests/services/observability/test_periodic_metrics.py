"""Delay of the event loop, measured often while the metrics are read, and rarely otherwise."""

import asyncio
import contextlib
import re
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest

from plughub import hookimpl
from plughub.kinds import Progress
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.services.observability.loop_watchdog import LoopWatchdog
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


class BlockingPlugin:
    """Plugin whose hooks block the event loop, each called in another way."""

    @hookimpl
    async def hub_event(self, event):
        keep_busy(0.6)

    @hookimpl
    async def hub_authorize_login(self, identity):
        await self._check()

    @hookimpl
    async def hub_progress(self, server):
        keep_busy(0.6)
        yield Progress(percent=1, message="one")

    @hookimpl
    def hub_spawner_info(self):
        keep_busy(0.6)

    async def _check(self):
        keep_busy(0.6)


async def report_progress(hooks):
    return [step async for step in hooks.progress("slow", None)]


async def register(hooks):
    return hooks.caller.register("hub_spawner_info")


@pytest.fixture
def hooks():
    plugins, pools = ActivePlugins(), ThreadPools()
    plugins.add("slow", BlockingPlugin())
    yield Hooks(HookCaller(plugins, pools))
    pools.close()


@pytest.mark.parametrize(
    ("hook", "call"),
    [
        ("hub_event", lambda hooks: hooks.event(None, "slow")),
        ("hub_authorize_login", lambda hooks: hooks.authorize_login(None)),
        ("hub_progress", report_progress),
        ("hub_spawner_info", register),
    ],
)
async def test_the_hook_that_blocked_the_loop_is_named(metrics, hooks, until, caplog, hook, call):
    await until(lambda: metrics.seen)
    await asyncio.create_task(call(hooks))
    await until(lambda: "was blocked" in caplog.text)
    assert re.search(
        rf"was blocked for .* s by plugin 'slow' in {hook} \({__file__}:\d+, {hook}\)", caplog.text
    )


async def test_a_task_that_blocked_the_loop_is_named_with_its_line(metrics, until, caplog):
    async def own_task():
        keep_busy(0.6)

    await until(lambda: metrics.seen)
    await asyncio.create_task(own_task())
    await until(lambda: "was blocked" in caplog.text)
    assert re.search(rf"was blocked for .* s by {__file__}:\d+, own_task", caplog.text)


async def test_a_hook_that_still_blocks_the_loop_is_named(hooks, caplog):
    watchdog = LoopWatchdog(0.05, time.monotonic(), report_after=0.1)

    async def hub_event(event):
        end = time.monotonic() + 5
        while "has been blocked" not in caplog.text and time.monotonic() < end:
            keep_busy(0.01)

    hooks.caller.plugins.add("stuck", SimpleNamespace(hub_event=hookimpl(hub_event)))
    try:
        await hooks.event(None, "stuck")
    finally:
        watchdog.close()
    assert len(re.findall(r"has been blocked for \d+ s by plugin 'stuck' in hub_event ", caplog.text)) == 1
