"""What is said of the plugins that are installed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plughub.plugin.loader import InstalledPlugin, installed_plugins


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """A plugin that is installed.

    Attributes:
        name: of the plugin.
        distribution: of Python, that brings it.
        version: of the distribution.
        module: that has its hooks.
        status: ``active``, ``installed``, or why it does not fit this hub.
    """

    name: str
    distribution: str
    version: str
    module: str
    status: str


def describe_plugins(active: Iterable[str] = ()) -> list[PluginDescription]:
    """Describe every plugin that is installed.

    Args:
        active: names of those that are active.

    Returns:
        One description of each.
    """
    return [_describe(plugin, set(active)) for plugin in installed_plugins().values()]


def plugin_versions() -> dict[str, str]:
    """Give the version of every plugin that is installed.

    Returns:
        Versions by name.
    """
    return {plugin.name: plugin.version for plugin in installed_plugins().values()}


def _describe(plugin: InstalledPlugin, active: set[str]) -> PluginDescription:
    status = "active" if plugin.name in active else "installed"
    return PluginDescription(
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        module=plugin.module,
        status=plugin.too_old_or_new or status,
    )
