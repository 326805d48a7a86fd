"""Reading from the configuration how the web behaves."""

from __future__ import annotations

import ipaddress
import logging
import os
import pwd
import resource
from collections.abc import Iterable
from typing import Any, Final

from plughub.app.config import JupyterHub
from plughub.domain.errors import StartError
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


def web_options(hub: JupyterHub) -> WebOptions:
    """Read how the web behaves.

    Args:
        hub: the settings of the hub.

    Returns:
        The options.

    Raises:
        StartError: settings do not fit together.
    """
    without_effect = sorted(set(hub.tornado_settings) - TORNADO_SETTINGS)
    if without_effect:
        log.warning("c.JupyterHub.tornado_settings: nothing reads %s", ", ".join(without_effect))
    if hub.api_page_default_limit > hub.api_page_max_limit:
        raise StartError("c.JupyterHub.api_page_default_limit must not exceed api_page_max_limit")
    limit: Any = hub.named_server_limit_per_user
    return WebOptions(
        redirect_to_server=hub.redirect_to_server,
        default_url=hub.default_url,
        user_redirect_hook=hub.user_redirect_hook,
        user_redirect_limit=hub.tornado_settings.get("user_redirect_limit", 4),
        default_server_name=hub.default_server_name if hub.allow_named_servers else "",
        named_server_limit=limit if callable(limit) else None,
        implicit_spawn_seconds=hub.implicit_spawn_seconds,
        stop_on_logout=hub.shutdown_on_logout,
        not_running_status=LEGACY_STATUS if hub.use_legacy_stopped_server_status_code else CURRENT_STATUS,
        page_limit=hub.api_page_default_limit,
        max_page_limit=hub.api_page_max_limit,
        hsts_seconds=hub.hsts_max_age,
        spawn_form_limit=hub.spawn_form_limit,
        max_connections=max_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        xsrf_cookie=hub.tornado_settings.get("xsrf_cookie_kwargs", {}),
    )


def proxy_users(names: Iterable[str], user: str) -> frozenset[int]:
    """Find the system users whose processes may tell where a request came from.

    Args:
        names: those that the configuration trusts.
        user: that of the hub's proxy; empty for the user of the hub.

    Returns:
        Their numbers.

    Raises:
        StartError: there is no such user.
    """
    found = set() if user else {os.geteuid()}
    for name in filter(None, (*names, user)):
        try:
            found.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            raise StartError(
                f"c.JupyterHub.trusted_downstream_users names no user of this machine: {name!r}"
            ) from None
    return frozenset(found)


def proxy_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Check the addresses of proxies before the hub's own.

    Args:
        addresses: those that the configuration trusts; networks, too.

    Returns:
        The same.

    Raises:
        StartError: one is none.
    """
    checked = tuple(addresses)
    for address in checked:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            raise StartError(
                f"c.JupyterHub.trusted_downstream_ips: {address!r} is no address and no network"
            ) from None
    return checked
