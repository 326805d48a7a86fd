"""What is said of the plugins that are installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from plughub.plugin.loader import InstalledPlugin, installed_plugins


def describe_plugins(active: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Describe every plugin that is installed.

    Args:
        active: names of those that are active.

    Returns:
        Name, distribution, version, module and status of each.
    """
    return [_describe(plugin, set(active)) for plugin in installed_plugins().values()]


def plugin_versions() -> dict[str, str]:
    """Give the version of every plugin that is installed.

    Returns:
        Versions by name.
    """
    return {plugin.name: plugin.version for plugin in installed_plugins().values()}


def _describe(plugin: InstalledPlugin, active: set[str]) -> dict[str, Any]:
    status = "active" if plugin.name in active else "installed"
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "status": plugin.too_old_or_new or status,
    }
