"""Plugins made of one class that a config file names in ``spawner_class`` and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final

from traitlets.utils.importstring import import_item

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.spawner.spawner import Spawner
from plughub.domain.errors import StartError
from plughub.markers import hookimpl
from plughub.plugin.hook_calls import describe


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


PUBLIC: Final = {
    "spawner": "plughub.spawner.Spawner",
    "authenticator": "plughub.auth.Authenticator",
    "proxy": "plughub.proxy.Proxy",
}
"""The names by which classes of plugins know what they inherit from."""

_PORTING: Final = (
    "classes of JupyterHub do not load: take a plugin ('hub plugins' lists them), or have the {kind} inherit "
    "from {base}, which has the same methods"
)

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
        )
    return wanted.__name__, CLASS_PLUGINS[kind](wanted)


def refuse_upstream(kind: str, name: str) -> None:
    """Refuse a name that a package has for a class of JupyterHub.

    Args:
        kind: spawner, authenticator or proxy.
        name: as the config file has it, such as ``github``.

    Raises:
        StartError: an installed package offers such a class to JupyterHub.
    """
    for found in entry_points(group=f"jupyterhub.{kind}s", name=name):
        raise StartError(
            f"c.JupyterHub.{kind}_class = {name!r} is {found.value}, which is written for JupyterHub",
            hint=_PORTING.format(kind=kind, base=PUBLIC[kind]),
        )


def name_of(cls: object) -> str:
    """Name what a plugin offers as a class.

    Args:
        cls: whatever it is.

    Returns:
        Its name.
    """
    return getattr(cls, "__name__", repr(cls))


def what_to_inherit(kind: str, cls: object) -> str:
    """Say what a class should inherit from.

    Args:
        kind: spawner, authenticator or proxy.
        cls: one that does not.

    Returns:
        What to do.
    """
    base = PUBLIC[kind]
    if any(parent.__module__.partition(".")[0] == "jupyterhub" for parent in getattr(cls, "__mro__", ())):
        return _PORTING.format(kind=kind, base=base)
    return f"the class has to inherit from {base}"
