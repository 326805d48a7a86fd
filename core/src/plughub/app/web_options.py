"""Options of the web application, created from the configuration."""

from __future__ import annotations

import logging
import resource
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from plughub.app.config import JupyterHub
from plughub.app.hub_parts import HubParts
from plughub.app.hub_plan import HubPlan
from plughub.app.trusted_proxies import proxy_users
from plughub.web.connections import max_connections
from plughub.web.options import WebOptions

log = logging.getLogger("plughub.app")
TORNADO_SETTINGS: Final = frozenset(
    {
        "slow_spawn_timeout",
        "slow_stop_timeout",
        "headers",
        "cookie_options",
        "xsrf_cookie_kwargs",
        "user_redirect_limit",
    }
)
CURRENT_STATUS: Final = 424
LEGACY_STATUS: Final = 503


def web_options(plan: HubPlan, parts: HubParts) -> WebOptions:
    """Return the options of the web application."""
    hub = plan.config
    warn_of_unused_tornado_settings(hub.tornado_settings)
    return replace(
        options_of(hub),
        max_connections=max_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        secure_cookies=bool(hub.ssl_cert) or parts.services.settings.hub_origin.startswith("https:"),
        host_cookies_since=parts.host_cookies_since,
        proxy_users=proxy_users(hub.trusted_downstream_users, parts.plugins.proxy_info.user),
    )


def options_of(hub: JupyterHub) -> WebOptions:
    """Return the options that depend on settings of the hub alone."""
    limit: Any = hub.named_server_limit_per_user
    tornado = hub.tornado_settings
    return WebOptions(
        redirect_to_server=hub.redirect_to_server,
        default_url=hub.default_url,
        user_redirect_hook=hub.user_redirect_hook,
        user_redirect_limit=tornado.get("user_redirect_limit", 4),
        default_server_name=hub.default_server_name if hub.allow_named_servers else "",
        named_server_limit=limit if callable(limit) else None,
        implicit_spawn_seconds=hub.implicit_spawn_seconds,
        stop_on_logout=hub.shutdown_on_logout,
        not_running_status=LEGACY_STATUS if hub.use_legacy_stopped_server_status_code else CURRENT_STATUS,
        page_limit=hub.api_page_default_limit,
        max_page_limit=hub.api_page_max_limit,
        hsts_seconds=hub.hsts_max_age,
        spawn_form_limit=hub.spawn_form_limit,
        xsrf_cookie=tornado.get("xsrf_cookie_kwargs", {}),
        slow_spawn_timeout=tornado.get("slow_spawn_timeout", 10),
        slow_stop_timeout=tornado.get("slow_stop_timeout", 10),
        trusted_downstream_ips=tuple(hub.trusted_downstream_ips),
        forwarded_host_header=hub.forwarded_host_header,
        headers=tornado.get("headers", {}),
        title=hub.title,
        help_url=hub.help_url,
        logo_file=hub.logo_file,
        admin_access=hub.admin_access,
        show_free_resources=hub.show_free_resources,
        authenticate_prometheus=hub.authenticate_prometheus,
    )


def warn_of_unused_tornado_settings(tornado: Mapping[str, Any]) -> None:
    """Log a warning for entries of ``tornado_settings`` that have no effect."""
    if unused := sorted(set(tornado) - TORNADO_SETTINGS):
        log.warning("c.JupyterHub.tornado_settings: no effect in plughub: %s", ", ".join(unused))
