"""Classes that plugins find by a short name, such as ``github``."""

from __future__ import annotations

from collections.abc import Container, Iterable
from importlib.metadata import entry_points
from typing import Any, Final

from plughub.app.class_plugins import JUPYTERHUB_GROUPS
from plughub.plugin.hook_calls import HookCaller

ADAPTER: Final = "jupyterhub"
"""Plugin that adapts classes for JupyterHub; its distribution is ``plughub-jupyterhub``."""


def find_class(caller: HookCaller, name: str, kinds: Iterable[str]) -> tuple[str, type] | None:
    """Return the first class that an active plugin finds, with its kind; None if there is none.

    Args:
        caller: caller of the active plugins.
        name: the short name.
        kinds: kinds of backends to search.
    """
    for kind in kinds:
        for answer in caller.register("hub_find_class", expected=type, kind=kind, name=name):
            return kind, answer.value
    return None


def adapter_of(name: str, kinds: Iterable[str], installed: Container[str]) -> str:
    """Return the installed plugin that adapts a class for JupyterHub of this short name; empty for none.

    Args:
        name: the short name.
        kinds: kinds of backends to search.
        installed: names of the installed plugins.
    """
    is_known = any(is_upstream(kind, name) for kind in kinds)
    return ADAPTER if is_known and ADAPTER in installed else ""


def needs_adapter(cls: type) -> bool:
    """Return whether a class inherits from a class of the adapter for JupyterHub."""
    return any(parent.__module__.partition(".")[0] == f"plughub_{ADAPTER}" for parent in cls.__mro__)


def is_upstream(kind: str, name: str) -> bool:
    """Return whether an installed package registers a class for JupyterHub under a short name."""
    return bool(entry_points(group=JUPYTERHUB_GROUPS[kind], name=name))


def is_adapted(kind: str, wanted: Any, active: Container[str], installed: Container[str]) -> bool:
    """Return whether a configured class of another package than JupyterHub runs through the adapter.

    Args:
        kind: spawner, authenticator or proxy.
        wanted: short name, dotted name, or class.
        active: names of the active plugins.
        installed: names of the installed plugins.
    """
    name = wanted.__module__ if isinstance(wanted, type) else str(wanted)
    if name == wanted and "." not in name:
        return bool(adapter_of(name, (kind,), installed))
    return ADAPTER in active and name.partition(".")[0] not in {"jupyterhub", "plughub"}
