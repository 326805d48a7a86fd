"""Types of settings in addition to those of traitlets."""

from __future__ import annotations

import inspect
import math
import re
import shlex
from collections.abc import Callable as Callable_
from collections.abc import Sequence
from fractions import Fraction
from importlib import metadata
from types import MappingProxyType
from typing import Any, Final

import traitlets
from traitlets.utils.importstring import import_item

from plughub.plugin.loader import installed_plugins
from plughub.plugin.plugin_classes import registered_class

_SUFFIX: Final = re.compile(r"[A-Za-z0-9_-]{0,32}")
_SIZE: Final = re.compile(r"\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[KMGT]?)\s*", re.IGNORECASE)
_KINDS: Final = MappingProxyType(
    {
        f"{project}.{plural}": kind
        for project in ("plughub", "jupyterhub")
        for kind, plural in (
            ("authenticator", "authenticators"),
            ("spawner", "spawners"),
            ("proxy", "proxies"),
        )
    }
)
"""Kind of backend for each group of entry points in which plugins are known by name."""


class Command(traitlets.List):  # type: ignore[type-arg]
    """Command line: a list of strings, one string that is split like in a shell, or a function.

    A function is called when the trait is set, with the object that is configured if it takes an argument,
    and returns the command.
    """

    def __init__(self, default_value: Sequence[str] | str = (), **kwargs: Any) -> None:
        kwargs.setdefault("minlen", 1)
        default = shlex.split(default_value) if isinstance(default_value, str) else list(default_value)
        super().__init__(traitlets.Unicode(), default, **kwargs)

    def set(self, obj: Any, value: Any) -> None:
        """Split a string, before traitlets wraps it in a list."""
        super().set(obj, self._as_list(obj, value))

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the command as a list of strings."""
        return super().validate(obj, self._as_list(obj, value))

    def _as_list(self, obj: Any, value: Any) -> Any:
        if callable(value):
            value = self._call(obj, value)
        if isinstance(value, str):
            return self._split(value)
        return list(value) if isinstance(value, tuple) else value

    def _call(self, obj: Any, function: Callable_[..., Any]) -> Any:
        try:
            takes_object = bool(inspect.signature(function).parameters)
            command = function(obj) if takes_object else function()
        except Exception as error:
            raise traitlets.TraitError(f"{self.name}: {function!r} failed: {error!r}") from error
        if callable(command):
            raise traitlets.TraitError(f"{self.name}: {function!r} returned a function instead of a command")
        return command

    def _split(self, text: str) -> list[str]:
        try:
            return shlex.split(text)
        except ValueError as error:
            raise traitlets.TraitError(f"{text!r} is not a command for {self.name}: {error}") from error


class URLPrefix(traitlets.Unicode):  # type: ignore[type-arg]
    """URL path that begins and ends with a slash; missing slashes are added."""

    def validate(self, obj: Any, value: Any) -> str:
        """Return the path with both slashes."""
        path = super().validate(obj, value) or ""
        return "/" + path.strip("/") + "/" if path.strip("/") else "/"


class CookieSuffix(traitlets.Unicode):  # type: ignore[type-arg]
    """Suffix for names of cookies: at most 32 letters, digits, hyphens and underscores."""

    def validate(self, obj: Any, value: Any) -> str:
        """Return the suffix if it is valid."""
        text = super().validate(obj, value) or ""
        if not _SUFFIX.fullmatch(text):
            raise traitlets.TraitError(
                f"{text!r} is not a valid {self.name}: use at most 32 letters, digits, - and _"
            )
        return text


class ByteSpecification(traitlets.Integer):  # type: ignore[type-arg]
    """Number of bytes: a number, or a string with one of the units K, M, G, T (powers of 1024)."""

    UNIT_SUFFIXES: Final = MappingProxyType({"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4})
    UNIT_MAP: Final = UNIT_SUFFIXES

    def validate(self, obj: Any, value: Any) -> int:  # noqa: ARG002 - signature of traitlets
        """Return the number of bytes."""
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
            return int(value)
        if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
            return int(Fraction(found["number"]) * self.UNIT_SUFFIXES.get(found["unit"].upper(), 1))
        raise traitlets.TraitError(
            f"{value!r} is not a size for {self.name}: use a number of bytes, or a number with one of the "
            f"units {', '.join(self.UNIT_SUFFIXES)}, such as '2G'"
        )


class Callable(traitlets.TraitType):  # type: ignore[type-arg]
    """Callable object, or its dotted name."""

    info_text = "a callable, or the dotted name of one"

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the callable."""
        found = _import(self, value, import_item) if isinstance(value, str) else value
        if callable(found):
            return found
        return self.error(obj, value)


class EntryPointType(traitlets.Type):  # type: ignore[type-arg]
    """Class, its dotted name, or the name of an entry point for it.

    In the groups ``plughub.authenticators``, ``plughub.spawners`` and ``plughub.proxies``, and in those of
    JupyterHub, such as ``jupyterhub.spawners``, the names of installed plugins are known as well.

    ::

        EntryPointType("plughub.spawners", klass=Spawner)
        EntryPointType(MySpawner, klass=Spawner, entry_point_group="jupyterhub.spawners")  # JupyterHub's form

    Args:
        arguments: the group of entry points; with ``entry_point_group``, the default value and the base class
            instead, as for `traitlets.Type`.
        entry_point_group: the group of entry points.
        kwargs: further arguments of `traitlets.Type`.

    Raises:
        TypeError: no group is given.
    """

    def __init__(self, *arguments: Any, entry_point_group: str = "", **kwargs: Any) -> None:
        if not entry_point_group:
            if len(arguments) != 1 or not isinstance(arguments[0], str):
                raise TypeError("EntryPointType needs a group, such as entry_point_group='plughub.spawners'")
            (entry_point_group,), arguments = arguments, ()
        self.entry_point_group: str = entry_point_group
        super().__init__(*arguments, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the class."""
        return super().validate(obj, self._find(value) if isinstance(value, str) else value)

    def _find(self, name: str) -> Any:
        found = _import(self, name, self._class_of_plugin)
        if found is not None:
            return found
        known = metadata.entry_points(group=self.entry_point_group)
        for entry_point in known.select(name=name.lower()):
            return _import(self, name, lambda _, found=entry_point: found.load())  # type: ignore[misc]
        if "." not in name:
            plugins = installed_plugins() if self.entry_point_group in _KINDS else ()
            names = ", ".join(sorted(known.names.union(plugins))) or "none"
            raise traitlets.TraitError(
                f"{self.name}: unknown class {name!r}; use its dotted name, or one of: {names}"
            )
        return _import(self, name, import_item)

    def _class_of_plugin(self, name: str) -> type | None:
        kind = _KINDS.get(self.entry_point_group)
        plugin = installed_plugins().get(name.lower()) if kind else None
        return registered_class(kind, plugin) if kind and plugin else None


def _import(trait: traitlets.TraitType[Any, Any], name: str, load: Callable_[[str], Any]) -> Any:
    try:
        return load(name)
    except Exception as error:
        raise traitlets.TraitError(f"{trait.name}: {name!r} cannot be imported: {error}") from error
