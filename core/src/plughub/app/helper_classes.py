"""Helper classes of plugins: configurable classes beside those of backends, with sections of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any, Final

from traitlets.config import Configurable

from plughub.app.plugins import BASES

_CORE: Final = "plughub"
_BACKENDS: Final = tuple(BASES.values())


def helper_classes(classes: Iterable[type[Configurable]]) -> list[type[Configurable]]:
    """Return the configurable classes that active plugins define beside their own.

    These are the classes in the loaded modules of the same package, and, for a class of the config file, in
    that file. Backends are left out: one that is not active does not read its settings.

    Args:
        classes: the active classes.
    """
    found: dict[type[Configurable], None] = {}
    for cls in classes:
        package = _package(cls)
        if package == _CORE:
            continue
        for namespace in _namespaces(cls, package):
            for value in list(namespace.values()):
                if _is_helper(value, package):
                    found[value] = None
    return list(found)


def _namespaces(cls: type, package: str) -> Iterator[Mapping[str, Any]]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package != "builtins":
            yield getattr(module, "__dict__", {})  # a failed import may leave None
    # A config file is not a module: its functions know its names.
    for function in vars(cls).values():
        if isinstance(function, FunctionType) and function.__globals__.get(cls.__name__) is cls:
            yield function.__globals__
            return


def _is_helper(value: object, package: str) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, Configurable)
        and not issubclass(value, _BACKENDS)
        and _package(value) == package
    )


def _package(cls: type) -> str:
    """Return the top-level package of a class; empty for one that a config file makes with ``type()``."""
    return str(getattr(cls, "__module__", "")).partition(".")[0]
