"""Description of the installed plugins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plughub.plugin.loader import InstalledPlugin, installed_plugins


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """Installed plugin.

    Attributes:
        name: of the plugin.
        distribution: Python distribution that contains it.
        version: of the distribution.
        module: that implements its hooks.
        status: ``active``, ``installed``, or why it is incompatible with this hub.
    """

    name: str
    distribution: str
    version: str
    module: str
    status: str


def describe_plugins(active: Iterable[str] = ()) -> list[PluginDescription]:
    """Describe every installed plugin.

    Args:
        active: names of the active plugins.
    """
    return [_describe(plugin, set(active)) for plugin in installed_plugins().values()]


def plugin_versions() -> dict[str, str]:
    """Return the version of every installed plugin, by name."""
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
