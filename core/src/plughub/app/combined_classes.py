"""Classes that active classes combine, such as those of jupyterhub-multiauthenticator and wrapspawner."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from traitlets.config import Config, Configurable
from traitlets.utils.importstring import import_item

from plughub.app.found_classes import find_class
from plughub.app.plugins import BASES
from plughub.plugin.hook_calls import HookCaller

_BACKENDS: Final = tuple(BASES.values())
_OF_CLASSES: Final = "class"
"""End of the names of settings and keys whose values name classes, such as ``authenticator_class``."""
_DOTTED: Final = re.compile(rf"(\w+\.)+\w*({'|'.join(cls.__name__ for cls in _BACKENDS)})")
"""Full name of a class, such as ``batchspawner.SlurmSpawner``."""


def combined_classes(
    config: Config, classes: Iterable[type[Configurable]], caller: HookCaller
) -> list[type[Configurable]]:
    """Return the backend classes that the settings of active classes contain, at any depth.

    An active class may create instances of them, which read sections of their own.

    Args:
        config: the loaded configuration.
        classes: the active classes.
        caller: caller of the active plugins, which find classes by their short names.
    """
    found: dict[type[Configurable], None] = {}
    for section in {parent.__name__ for cls in classes for parent in cls.__mro__} - {"JupyterHub"}:
        if section in config:
            for name, value in dict(config[section]).items():
                found |= dict.fromkeys(_classes_in(value, name, caller))
    return list(found)


def _classes_in(value: Any, name: str, caller: HookCaller) -> Iterator[type[Configurable]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _classes_in(item, str(key), caller)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _classes_in(item, name, caller)
    else:
        cls = _class_named(value, name, caller) if isinstance(value, str) else value
        if isinstance(cls, type) and issubclass(cls, _BACKENDS):
            yield cls


def _class_named(value: str, name: str, caller: HookCaller) -> object:
    if _DOTTED.fullmatch(value):
        with contextlib.suppress(ImportError):  # the class that reads the setting reports it
            return import_item(value)
    elif name.endswith(_OF_CLASSES) and "." not in value and (found := find_class(caller, value, BASES)):
        return found[1]
    return None
