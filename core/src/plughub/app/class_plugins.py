"""Plugins around a single class that a config file names in ``spawner_class`` and similar settings."""

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
from plughub.plugin.locations import location_of, with_location
from plughub.plugin.silent_calls import naming_silence


class SpawnerPlugin:
    """Plugin around a spawner class of the config file."""

    def __init__(self, cls: type[Spawner]) -> None:
        self._class = cls

    @hookimpl
    def hub_register_spawner(self) -> type[Spawner]:
        """Return the class."""
        return self._class


class AuthenticatorPlugin:
    """Plugin around an authenticator class of the config file."""

    def __init__(self, cls: type[Authenticator]) -> None:
        self._class = cls

    @hookimpl
    def hub_register_authenticator(self) -> type[Authenticator]:
        """Return the class."""
        return self._class


class ProxyPlugin:
    """Plugin around a proxy class of the config file."""

    def __init__(self, cls: type[Proxy]) -> None:
        self._class = cls

    @hookimpl
    def hub_register_proxy(self) -> type[Proxy]:
        """Return the class."""
        return self._class


PUBLIC: Final = {
    "spawner": "plughub.spawner.Spawner",
    "authenticator": "plughub.auth.Authenticator",
    "proxy": "plughub.proxy.Proxy",
}
"""Public names of the base classes."""
JUPYTERHUB_GROUPS: Final = {
    "spawner": "jupyterhub.spawners",
    "authenticator": "jupyterhub.authenticators",
    "proxy": "jupyterhub.proxies",
}
"""Groups of the entry points of classes for JupyterHub, by kind."""

_PORTING: Final = (
    "classes written for JupyterHub need the plugin 'jupyterhub' (pip install plughub-jupyterhub). Load it "
    "before the config file: hub --plugins jupyterhub, or PLUGHUB_PLUGINS=jupyterhub. "
    "Or derive the {kind} from {base}"
)

CLASS_PLUGINS: Final[Mapping[str, Callable[[Any], object]]] = {
    "spawner": SpawnerPlugin,
    "authenticator": AuthenticatorPlugin,
    "proxy": ProxyPlugin,
}


def import_class(kind: str, dotted: str) -> Any:
    """Import a class by its dotted name.

    Raises:
        StartError: it cannot be imported.
    """
    try:
        with naming_silence(f"the import of c.JupyterHub.{kind}_class = {dotted!r}"):
            return import_item(dotted)
    except (Exception, SystemExit) as error:
        raise StartError(
            f"c.JupyterHub.{kind}_class = {dotted!r} cannot be imported: {describe(error)}",
            hint="install its package, or use the name of a plugin",
        ) from error


def plugin_of_class(kind: str, wanted: Any) -> tuple[str, object]:
    """Wrap a class in a plugin, and return the plugin's name, which is that of the class, and the plugin.

    Raises:
        StartError: it is not a class.
    """
    if not isinstance(wanted, type):
        raise StartError(
            f"c.JupyterHub.{kind}_class is not a class: {wanted!r}",
            hint="use the name of a plugin, a class, or the dotted name of a class",
        )
    return wanted.__name__, CLASS_PLUGINS[kind](wanted)


def refuse_upstream(kind: str, name: str) -> None:
    """Refuse a name such as ``github`` that a package registers as a class of JupyterHub.

    Raises:
        StartError: an installed package registers it.
    """
    for found in entry_points(group=JUPYTERHUB_GROUPS[kind], name=name):
        raise StartError(
            f"c.JupyterHub.{kind}_class = {name!r} is {found.value}, which is written for JupyterHub",
            hint=_PORTING.format(kind=kind, base=PUBLIC[kind]),
        )


def name_of(cls: object) -> str:
    """Return the name of a class, or the representation of anything else."""
    return getattr(cls, "__name__", repr(cls))


def what_to_inherit(kind: str, cls: object) -> str:
    """Return the advice for a class that does not inherit from the base class of its kind."""
    base = PUBLIC[kind]
    if any(parent.__module__.partition(".")[0] == "jupyterhub" for parent in getattr(cls, "__mro__", ())):
        return _PORTING.format(kind=kind, base=base)
    return f"derive the class from {base}"


def check_base(plugin: str, kind: str, cls: object, base: type) -> None:
    """Check that a class which a plugin registers has the base class of its kind.

    Raises:
        StartError: it has not.
    """
    if not (isinstance(cls, type) and issubclass(cls, base)):
        problem = (
            f"plugin {plugin!r} cannot be used as {kind}: {name_of(cls)} is not a subclass of {PUBLIC[kind]}"
        )
        raise StartError(
            with_location(problem, location_of(cls)),
            hint=what_to_inherit(kind, cls),
        )
