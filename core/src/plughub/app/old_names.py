"""Old names of settings: their values are moved to the current names before any class reads them."""

from __future__ import annotations

from typing import Final

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.domain.urls import host_in_url
from plughub.plugin.loader import installed_plugins

_PROXY: Final = "ConfigurableHTTPProxy"
_PROXY_PLUGIN: Final = "chp"
OLD_NAMES: Final = {
    "admin_users": ("Authenticator", "admin_users"),
    "proxy_cmd": (_PROXY, "command"),
    "proxy_auth_token": (_PROXY, "auth_token"),
    "proxy_check_interval": (_PROXY, "check_running_interval"),
    "debug_proxy": (_PROXY, "debug"),
    "proxy_api_ip": (_PROXY, "api_url"),
    "proxy_api_port": (_PROXY, "api_url"),
}
"""Class and current name for each old name of a setting of ``JupyterHub``."""


def apply_old_names(config: Config) -> list[str]:
    """Move values of old names to the current names. A value under the current name takes precedence.

    Args:
        config: the whole configuration; it is changed.

    Returns:
        A warning for each old name that the configuration uses.

    Raises:
        traitlets.TraitError: a value has the wrong type.
    """
    section = config.get("JupyterHub", Config())
    given = [name for name in OLD_NAMES if name in section]
    if not given:
        return []
    hub = JupyterHub(config=config)
    set_before = {owner: set(config.get(owner, ())) for owner, _ in OLD_NAMES.values()}
    warnings = []
    for name in given:
        owner, new = OLD_NAMES[name]
        value = section.pop(name)
        current = f"c.{owner}.{new}"
        if owner == _PROXY and _PROXY_PLUGIN not in installed_plugins():
            warnings.append(f"c.JupyterHub.{name} has no effect: the plugin chp is not installed")
        elif new in set_before[owner]:
            warnings.append(f"c.JupyterHub.{name} is ignored: {current} is set")
        else:
            config[owner][new] = _api_url(hub) if new == "api_url" else value
            warnings.append(f"c.JupyterHub.{name} is deprecated: set {current}")
    return warnings


def _api_url(hub: JupyterHub) -> str:
    """Return the URL of the proxy's API."""
    host = host_in_url(hub.proxy_api_ip or "127.0.0.1")
    return f"http://{host}:{hub.proxy_api_port or hub.port + 1}"
