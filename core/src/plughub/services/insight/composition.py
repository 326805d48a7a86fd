"""Composition of the services with which administrators observe the hub."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.services.basis import Basis
from plughub.services.insight.usage_reports import UsageReports


@dataclass(frozen=True, kw_only=True)
class InsightServices:
    """Services of this package that pages and API calls use.

    Attributes:
        usage_reports: reports on the usage of servers.
    """

    usage_reports: UsageReports


def compose_insight(basis: Basis) -> InsightServices:
    """Create the services of this package."""
    return InsightServices(usage_reports=UsageReports(basis.store))
