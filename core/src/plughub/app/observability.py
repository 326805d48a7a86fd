"""Putting together what watches the hub: metrics, event log and audit trail."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final

import traitlets
from traitlets.config import Config, Configurable

from plughub.app.config import JupyterHub
from plughub.app.event_log import PLUGIN as EVENT_LOG
from plughub.app.event_log import EventLog, EventLogPlugin, configured_handlers
from plughub.app.plugins import PluginSelection
from plughub.domain.errors import StartError
from plughub.domain.events import EventKind
from plughub.plugin.threads import ThreadPools
from plughub.services.coordination.background_loops import for_ever
from plughub.services.observability.audit import PLUGIN as AUDIT
from plughub.services.observability.audit import AuditTrail
from plughub.services.observability.events import EventPublisher
from plughub.services.observability.metrics import PLUGIN as METRICS
from plughub.services.observability.metrics import SPAWN_BUCKETS, STOP_BUCKETS, MetricNames, Metrics
from plughub.services.observability.periodic_metrics import MetricsReport, watch_loop
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

TELL_SECONDS: Final = 10.0


class PeriodicMetricsCollector(Configurable):
    """What is measured now and then. Users and servers are counted when the metrics are read."""

    active_users_enabled = traitlets.Bool(True, help="Count how many users were active.").tag(config=True)
    active_users_update_interval = traitlets.Float(
        300, min=0, help="Seconds for which a count of active users holds."
    ).tag(config=True)

    event_loop_interval_enabled = traitlets.Bool(True, help="Measure how late the event loop is.").tag(
        config=True
    )
    event_loop_interval_resolution = traitlets.Float(
        0.05,
        min=0.001,
        help="""Seconds between two looks at how late the event loop is. While nobody has read the metrics for
        five minutes it is looked four times a second.""",
    ).tag(config=True)
    event_loop_interval_log_threshold = traitlets.Float(
        1, help="Seconds of delay of the event loop that are worth a line in the log."
    ).tag(config=True)


class Observing:
    """What watches the hub.

    Args:
        config: the whole configuration.
        hub: the settings of the hub.
        store: the storage.

    Raises:
        StartError: a setting is not good.
    """

    def __init__(self, config: Config, hub: JupyterHub, store: Store) -> None:
        self._store = store
        self._collector = PeriodicMetricsCollector(config=config)
        self._handlers = configured_handlers(config)
        self._tasks: list[asyncio.Task[None]] = []
        self._told: EventPublisher | None = None
        self.metrics = Metrics(naming(os.environ))
        self.audit = AuditTrail(store) if hub.audit_days else None

    def join(self, selection: PluginSelection) -> None:
        """Add what listens to the plugins, after all others.

        Args:
            selection: the plugins.
        """
        selection.active.add(METRICS, self.metrics)
        if self.audit is not None:
            selection.active.add(AUDIT, self.audit)
        if self._handlers:
            selection.active.add(EVENT_LOG, EventLogPlugin(self._handlers))
        selection.classes += [PeriodicMetricsCollector, EventLog]

    def report(self, pools: ThreadPools) -> MetricsReport:
        """Give what answers the page with metrics.

        Args:
            pools: threads of plugins.

        Returns:
            The report.
        """
        every = self._collector.active_users_update_interval if self._collector.active_users_enabled else None
        return MetricsReport(self._store, self.metrics, pools.load, active_users_every=every)

    def start(self, events: EventPublisher, settings: HubSettings) -> None:
        """Begin to tell what happens, and to measure.

        Args:
            events: tells plugins what happens.
            settings: of the hub.
        """
        self._told = events
        self._settings = settings
        work = [events.run]
        if self.audit is not None:
            work.append(self.audit.run)
        self._tasks = [asyncio.create_task(for_ever(part)) for part in work]
        if self._collector.event_loop_interval_enabled:
            threshold = self._collector.event_loop_interval_log_threshold
            resolution = self._collector.event_loop_interval_resolution
            self._tasks.append(asyncio.create_task(watch_loop(self.metrics, resolution, threshold)))
        events.tell(EventKind.HUB_STARTED, "", hub=settings.hub_id, host=settings.host)

    async def finish(self) -> None:
        """Tell and store what is left; nothing happens any more."""
        if self._told is not None:
            hub, host = self._settings.hub_id, self._settings.host
            self._told.tell(EventKind.HUB_STOPPED, "", hub=hub, host=host)
            await self._told.finish(TELL_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.audit is not None:
            await self.audit.finish()


def naming(environ: Mapping[str, str]) -> MetricNames:
    """Read how metrics are called and cut.

    Args:
        environ: environment variables.

    Returns:
        The naming.

    Raises:
        StartError: a variable makes no sense.
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
        raise StartError(f"{name} must be numbers with commas between them, such as 1,5,30,inf") from error
    if list(ends) != sorted(set(ends)):
        raise StartError(f"{name} must rise from number to number")
    return ends
