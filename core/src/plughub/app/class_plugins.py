"""Plugins made of one class that a config file names in ``spawner_class`` and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from traitlets.utils.importstring import import_item

from plughub.classes.authenticator import Authenticator
from plughub.classes.proxy import Proxy
from plughub.classes.spawner import Spawner
from plughub.domain.errors import StartError
from plughub.plugin.calling import describe
from plughub.plugin.markers import hookimpl


class SpawnerPlugin:
    """A plugin made of one spawner class that a config file names."""

    def __init__(self, cls: type[Spawner]) -> None:
        self._class = cls

    @hookimpl
    def hub_register_spawner(self) -> type[Spawner]:
        """Offer the class."""
        return self._class


class AuthenticatorPlugin:
    """A plugin made of one authenticator class that a config file names."""

    def __init__(self, cls: type[Authenticator]) -> None:
        self._class = cls

    @hookimpl
    def hub_register_authenticator(self) -> type[Authenticator]:
        """Offer the class."""
        return self._class


class ProxyPlugin:
    """A plugin made of one proxy class that a config file names."""

    def __init__(self, cls: type[Proxy]) -> None:
        self._class = cls

    @hookimpl
    def hub_register_proxy(self) -> type[Proxy]:
        """Offer the class."""
        return self._class


CLASS_PLUGINS: Final[Mapping[str, Callable[[Any], object]]] = {
    "spawner": SpawnerPlugin,
    "authenticator": AuthenticatorPlugin,
    "proxy": ProxyPlugin,
}


def import_class(kind: str, dotted: str) -> Any:
    """Import a class by its dotted name.

    Args:
        kind: spawner, authenticator or proxy.
        dotted: the name.

    Returns:
        What has that name.

    Raises:
        StartError: it cannot be imported.
    """
    try:
        return import_item(dotted)
    except Exception as error:
        raise StartError(
            f"c.JupyterHub.{kind}_class = {dotted!r} cannot be imported: {describe(error)}",
            hint="install its package, or give the name of a plugin",
            exit_code=2,
        ) from error


def plugin_of_class(kind: str, wanted: Any) -> tuple[str, object]:
    """Make a plugin of a class.

    Args:
        kind: spawner, authenticator or proxy.
        wanted: the class.

    Returns:
        The name of the plugin, which is that of the class, and the plugin.

    Raises:
        StartError: it is no class.
    """
    if not isinstance(wanted, type):
        raise StartError(
            f"c.JupyterHub.{kind}_class is no class: {wanted!r}",
            hint="give the name of a plugin, a class, or the dotted name of a class",
            exit_code=2,
        )
    return wanted.__name__, CLASS_PLUGINS[kind](wanted)
