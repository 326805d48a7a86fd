"""Which active plugins a configured class takes the place of, and whose name it has then."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from plughub.domain.errors import StartError


@dataclass(frozen=True, slots=True)
class Replacements:
    """What a configured class changes.

    Attributes:
        place: the plugin whose place and name the class takes; empty when it has a name of its own.
        retired: plugins that are no backends of this kind any more.
    """

    place: str = ""
    retired: tuple[str, ...] = ()


def succession(
    kind: str,
    cls: type,
    offered: Mapping[str, type],
    packages: Collection[str],
    *,
    own_name: str = "",
) -> Replacements:
    """Find the plugins whose class a configured class inherits from: nothing leads past it.

    A class of a plugin, or one that inherits from such a class that nobody has named, is another kind of
    backend than what it replaces: it could not look after what that has started, and keeps its own name.

    Args:
        kind: spawner, authenticator or proxy.
        cls: the class that the config file names, or that of the plugin that it names.
        offered: classes of this kind by active plugin.
        packages: top-level packages of all plugins that are installed.
        own_name: the plugin that offers the class; empty when it is a class alone.

    Returns:
        The plugins that it replaces.

    Raises:
        StartError: another active plugin inherits from the same one and would lead past the class.
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
    """Refuse two heirs of one plugin, neither of which inherits from the other."""
    for name, other in others.items():
        common = [parent for parent, known in replaced.items() if issubclass(other, known)]
        if common and name not in replaced and not issubclass(other, cls):
            raise StartError(
                f"c.JupyterHub.{kind}_class = {cls.__name__} and plugin {name!r} both inherit from "
                f"plugin {common[0]!r}, and one would lead past the other",
                hint=f"leave {name!r} out of the plugins, or have one inherit from the other",
            )


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]
