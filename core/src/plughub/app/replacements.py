"""Plugins that a configured class replaces because it inherits from their classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from plughub.domain.errors import StartError


@dataclass(frozen=True, slots=True)
class Replacements:
    """Effect of a configured class on the active plugins.

    Attributes:
        place: plugin that the class replaces and whose name it takes; empty if it keeps its own name.
        retired: plugins that are no longer backends of this kind.
    """

    place: str = ""
    retired: tuple[str, ...] = ()


def find_replacements(
    kind: str,
    cls: type,
    offered: Mapping[str, type],
    packages: Collection[str],
    *,
    own_name: str = "",
) -> Replacements:
    """Find the plugins from whose classes a configured class inherits, so that none of them bypasses it.

    The class takes the name of the nearest such plugin, and with it what that plugin has started. A class
    that belongs to a plugin, or inherits from a class of a plugin that is not active, is a backend of its
    own: it cannot manage what the replaced plugin has started, and keeps its own name.

    Args:
        kind: spawner, authenticator or proxy.
        cls: the configured class, or that of the configured plugin.
        offered: classes of this kind by active plugin.
        packages: top-level packages of all installed plugins.
        own_name: plugin that registers the class; empty for a class without a plugin.

    Raises:
        StartError: another active plugin inherits from the same class and would bypass the configured one.
    """
    others = {name: other for name, other in offered.items() if name != own_name}
    replaced = [name for name, other in others.items() if issubclass(cls, other)]
    replaced.sort(key=lambda name: cls.__mro__.index(others[name]))
    _check_rivals(kind, cls, {name: others[name] for name in replaced}, others)
    if not replaced:
        return Replacements()
    between = cls.__mro__[: cls.__mro__.index(others[replaced[0]])]
    is_same_kind = not own_name and not any(_package(found) in packages for found in between)
    place = replaced[0] if is_same_kind else ""
    return Replacements(place, tuple(name for name in replaced if name != place))


def _check_rivals(kind: str, cls: type, replaced: Mapping[str, type], others: Mapping[str, type]) -> None:
    """Refuse two replacements of one plugin of which neither inherits from the other."""
    for name, other in others.items():
        common = [parent for parent, known in replaced.items() if issubclass(other, known)]
        if common and name not in replaced and not issubclass(other, cls):
            raise StartError(
                f"c.JupyterHub.{kind}_class = {cls.__name__} and plugin {name!r} both inherit from "
                f"plugin {common[0]!r}, and one would bypass the other",
                hint=f"remove {name!r} from the plugins, or derive one class from the other",
            )


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]
