"""Composition of metrics, event log and audit trail."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import traitlets
from traitlets.config import Config, Configurable

from plughub.app.config import JupyterHub
from plughub.app.event_log import PLUGIN as EVENT_LOG
from plughub.app.event_log import EventLog, EventLogPlugin, configured_handlers
from plughub.app.plugins import PluginSelection
from plughub.domain.clock import utcnow
from plughub.domain.errors import StartError
from plughub.domain.events import EventKind
from plughub.domain.timings import LAST_EVENTS_SECONDS, STATSD_COUNTS_SECONDS
from plughub.plugin.threads import ThreadPools
from plughub.services.coordination.background_loops import repeat, run_forever
from plughub.services.observability.audit import PLUGIN as AUDIT
from plughub.services.observability.audit import AuditTrail
from plughub.services.observability.events import EventPublisher
from plughub.services.observability.metrics import PLUGIN as METRICS
from plughub.services.observability.metrics import SPAWN_BUCKETS, STOP_BUCKETS, MetricNames, Metrics
from plughub.services.observability.periodic_metrics import MetricsReport, measure_loop_delay
from plughub.services.observability.statsd import Statsd
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

log = logging.getLogger("plughub.metrics")
_STATSD_SEPARATORS: Final = frozenset(":|@# \n")


class PeriodicMetricsCollector(Configurable):
    """Metrics that are collected periodically. Users and servers are counted when the metrics are read."""

    active_users_enabled = traitlets.Bool(True, help="Count active users.").tag(config=True)
    active_users_update_interval = traitlets.Float(
        300, min=0, help="Seconds for which a count of active users is cached."
    ).tag(config=True)

    event_loop_interval_enabled = traitlets.Bool(True, help="Measure the delay of the event loop.").tag(
        config=True
    )
    event_loop_interval_resolution = traitlets.Float(
        0.05,
        min=0.001,
        help="""Seconds between two measurements of the event loop's delay. If the metrics have not been read
        for five minutes, the delay is measured only twice a second.""",
    ).tag(config=True)
    event_loop_interval_log_threshold = traitlets.Float(
        1, help="Delay of the event loop in seconds above which it is logged."
    ).tag(config=True)


class Observing:
    """Metrics, event log and audit trail of a hub process.

    Raises:
        StartError: a setting is invalid.
    """

    def __init__(self, config: Config, hub: JupyterHub, store: Store) -> None:
        self._store = store
        self._active_window = timedelta(seconds=hub.active_user_window)
        self._collector = PeriodicMetricsCollector(config=config)
        self._handlers = configured_handlers(config)
        self._tasks: list[asyncio.Task[None]] = []
        self._events: EventPublisher | None = None
        self._statsd = statsd_of(hub)
        self.metrics = Metrics(read_metric_names(os.environ), self._statsd)
        self.audit = AuditTrail(store) if hub.audit_days else None

    def join(self, selection: PluginSelection) -> None:
        """Register the observers as the last plugins."""
        selection.active.add(METRICS, self.metrics)
        if self.audit is not None:
            selection.active.add(AUDIT, self.audit)
        if self._handlers:
            selection.active.add(EVENT_LOG, EventLogPlugin(self._handlers))
        selection.classes += [PeriodicMetricsCollector, EventLog]

    def report(self, pools: ThreadPools) -> MetricsReport:
        """Return the report behind the metrics page.

        Args:
            pools: threads of plugins.
        """
        every = self._collector.active_users_update_interval if self._collector.active_users_enabled else None
        return MetricsReport(
            self._store,
            self.metrics,
            pools.load,
            active_users_every=every,
            active_window=self._active_window,
        )

    def start(self, events: EventPublisher, settings: HubSettings) -> None:
        """Start publishing events and measuring."""
        self._events = events
        self._settings = settings
        work = [events.run]
        if self.audit is not None:
            work.append(self.audit.run)
        if self._statsd is not None:
            work += [self._statsd.run, self._send_counts]
        self._tasks = [asyncio.create_task(run_forever(part)) for part in work]
        if self._collector.event_loop_interval_enabled:
            threshold = self._collector.event_loop_interval_log_threshold
            resolution = self._collector.event_loop_interval_resolution
            self._tasks.append(asyncio.create_task(measure_loop_delay(self.metrics, resolution, threshold)))
        events.publish(EventKind.HUB_STARTED, "", hub=settings.hub_id, host=settings.host)

    async def _send_counts(self) -> None:
        """Send the counts to statsd until cancelled."""
        statsd, active_users = self._statsd, self._collector.active_users_enabled
        if statsd is None:
            return

        async def send() -> None:
            now, window = utcnow(), self._active_window
            statsd.record_counts(
                await self._store.read(
                    lambda tx: tx.hub_counts(now, active_users=active_users, window=window)
                )
            )

        problem = "users and servers cannot be counted for statsd"
        await repeat(send, STATSD_COUNTS_SECONDS, problem, log)

    async def finish(self) -> None:
        """Publish and store the remaining events at the end of the process."""
        if self._events is not None:
            hub, host = self._settings.hub_id, self._settings.host
            self._events.publish(EventKind.HUB_STOPPED, "", hub=hub, host=host)
            await self._events.finish(LAST_EVENTS_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.audit is not None:
            await self.audit.finish()


def statsd_of(hub: JupyterHub) -> Statsd | None:
    """Return the client of the statsd server; None if none is set.

    Raises:
        StartError: the prefix has a character that separates the parts of a metric.
    """
    if wrong := sorted(set(hub.statsd_prefix) & _STATSD_SEPARATORS):
        raise StartError(
            f"c.JupyterHub.statsd_prefix = {hub.statsd_prefix!r} contains {wrong[0]!r}",
            hint="use letters, digits, dots, hyphens and underscores",
        )
    return Statsd(hub.statsd_host, hub.statsd_port, hub.statsd_prefix) if hub.statsd_host else None


def read_metric_names(environ: Mapping[str, str]) -> MetricNames:
    """Read names and buckets of the metrics from environment variables.

    Raises:
        StartError: a variable is invalid.
    """
    return MetricNames(
        prefix=environ.get("JUPYTERHUB_METRICS_PREFIX", "jupyterhub"),
        spawn_buckets=_buckets(environ, "SPAWN") or SPAWN_BUCKETS,
        stop_buckets=_buckets(environ, "STOP") or STOP_BUCKETS,
    )


def _buckets(environ: Mapping[str, str], what: str) -> tuple[float, ...]:
    name = f"JUPYTERHUB_SERVER_{what}_DURATION_SECONDS_BUCKETS"
    text = environ.get(name, "").strip()
    try:
        ends = tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise StartError(f"{name} must be a comma-separated list of numbers, such as 1,5,30,inf") from error
    if list(ends) != sorted(set(ends)):
        raise StartError(f"{name} must be in ascending order, such as 1,5,30,inf")
    return ends
