"""Dependencies of the handlers, passed in one object."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plughub.domain.hub_processes import HubHealth
from plughub.kinds import LoginMethod
from plughub.services.composition import HubServices
from plughub.services.observability.audit import AuditTrail
from plughub.services.observability.metrics import Metrics
from plughub.services.observability.periodic_metrics import MetricsReport
from plughub.web.options import WebOptions
from plughub.web.plugin_pages import PluginPage


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """Services, settings and plugin contributions that the handlers use.

    Attributes:
        services: the services of the hub.
        options: settings of the web layer.
        cookie_secret: key that signs cookies.
        shut_down: shuts this process down. The arguments say whether to stop the servers and the proxy; None
            for the configured behaviour.
        health: reads the state of the hub; raises UnavailableError when the hub is unhealthy.
        metrics: metrics of this process.
        metrics_report: renders the metrics page; None to disable it.
        audit: the audit trail; None when it is disabled.
        login_methods: login methods by plugin, in display order.
        pages: pages of plugins.
        template_folders: folders that are searched before the hub's own.
        static_folders: folders with further static files, in the order of search.
        jinja_options: additional arguments of the environment of custom templates.
        data_folder: folder with further files in ``templates``; None for none.
        template_vars: additional variables of all templates.
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
    pages: tuple[PluginPage, ...] = ()
    template_folders: tuple[Path, ...] = ()
    static_folders: tuple[Path, ...] = ()
    jinja_options: Mapping[str, Any] = field(default_factory=dict)
    data_folder: Path | None = None
    template_vars: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
