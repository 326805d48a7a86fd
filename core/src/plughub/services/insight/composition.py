"""Composition of the reports for administrators."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.services.basis import Basis
from plughub.services.insight.announcements import Announcements
from plughub.services.insight.monitor import Monitor, WatchedParts
from plughub.services.insight.usage_reports import UsageReports
from plughub.services.insight.usage_samples import UsageSamples
from plughub.services.observability.metrics import Metrics
from plughub.services.servers.composition import ServerServices


@dataclass(frozen=True, kw_only=True)
class InsightServices:
    """Services of this package that pages and API calls use.

    Attributes:
        usage_reports: reports on the usage of servers.
        announcements: the announcement on all pages.
        monitor: stores and reports findings about the hub.
        usage_samples: measures all running servers for the metrics.
    """

    usage_reports: UsageReports
    announcements: Announcements
    monitor: Monitor
    usage_samples: UsageSamples


def compose_insight(
    basis: Basis, metrics: Metrics, watched: WatchedParts, servers: ServerServices
) -> InsightServices:
    """Create the services of this package.

    Args:
        basis: what the services are made from.
        metrics: metrics of this process.
        watched: what the hub watches on its machine.
        servers: services of servers.
    """
    return InsightServices(
        usage_reports=UsageReports(basis.store, basis.change_feed),
        announcements=Announcements(basis.store),
        monitor=Monitor(basis.store, basis.settings, metrics, servers.spawner_checks, watched),
        usage_samples=UsageSamples(basis.store, basis.settings, servers.usage, metrics),
    )
