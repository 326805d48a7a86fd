"""Everything that the handlers need, handed to them in one piece."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plughub.domain.hub_processes import HubHealth
from plughub.kinds import LoginMethod, Page
from plughub.services.composition import HubServices
from plughub.services.observability.audit import AuditTrail
from plughub.services.observability.metrics import Metrics
from plughub.services.observability.periodic_metrics import MetricsReport
from plughub.web.options import WebOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """What the handlers work with.

    Attributes:
        services: the services of the hub.
        options: how the web behaves.
        cookie_secret: signs cookies.
        shut_down: ends this process. Its arguments say whether servers and proxy are stopped; None for what
            the configuration says.
        health: reads the state of the hub; raises UnavailableError when something is wrong.
        metrics: what is measured.
        metrics_report: renders the page with metrics; None for no such page.
        audit: the audit trail; None when none is kept.
        login_methods: how to log in, by plugin, in order.
        pages: added by plugins.
        template_folders: looked up before the hub's own.
        template_vars: further variables of all templates.
        versions: versions of the plugins by name.
    """

    services: HubServices
    options: WebOptions = field(default_factory=WebOptions)
    cookie_secret: bytes = field(repr=False)
    shut_down: Callable[[bool | None, bool | None], None]
    health: Callable[[], Awaitable[HubHealth]]
    metrics: Metrics = field(default_factory=Metrics)
    metrics_report: MetricsReport | None = None
    audit: AuditTrail | None = None
    login_methods: Mapping[str, LoginMethod] = field(default_factory=dict)
    pages: tuple[Page, ...] = ()
    template_folders: tuple[Path, ...] = ()
    template_vars: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
