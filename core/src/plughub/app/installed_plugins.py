"""Description of the installed plugins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plughub.plugin.loader import InstalledPlugin, installed_plugins
from plughub.plugin.source import read_source


@dataclass(frozen=True, slots=True)
class PluginDescription:
    """Installed plugin.

    Attributes:
        name: of the plugin.
        distribution: Python distribution that contains it.
        version: of the distribution.
        module: that implements its hooks.
        status: ``active``, ``installed``, or why it is broken or incompatible with this hub.
        contract: version of the plugin contract for which it is written; empty if it states none.
        hooks: names of the hooks in its module.
        settings: ``plugin_settings`` if it has a section there, and its classes with settings, as ``c.Name``.
        file: path of its module; empty if it was not found.
    """

    name: str
    distribution: str
    version: str
    module: str
    status: str
    contract: str = ""
    hooks: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    file: str = ""


def describe_plugins(active: Iterable[str] = ()) -> list[PluginDescription]:
    """Describe every installed plugin, without importing any.

    Args:
        active: names of the active plugins.
    """
    return [_describe(plugin, set(active)) for plugin in installed_plugins().values()]


def plugin_versions() -> dict[str, str]:
    """Return the version of every installed plugin, by name."""
    return {plugin.name: plugin.version for plugin in installed_plugins().values()}


def _describe(plugin: InstalledPlugin, active: set[str]) -> PluginDescription:
    source = read_source(plugin)
    status = "active" if plugin.name in active else "installed"
    unfit = plugin.too_old_or_new or source.problem
    return PluginDescription(
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        module=plugin.module,
        status=unfit or status,
        contract=source.contract,
        hooks=source.hooks,
        settings=source.settings,
        file=source.file,
    )
