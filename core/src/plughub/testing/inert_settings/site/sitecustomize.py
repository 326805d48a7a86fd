"""Python imports this at its start: fix the setting that ``INERT_SETTING`` names at its default."""
# ruff: noqa: INP001 - Python requires this name

from __future__ import annotations

import functools
import os
from typing import Any

import traitlets
from traitlets.config import Config

_get = traitlets.TraitType.get


def _inert() -> tuple[str, str]:
    owner, _, name = os.environ.get("INERT_SETTING", "").partition(".")
    return owner, name


def _get_or_default(trait: Any, instance: Any, cls: Any = None) -> Any:
    """Return the default of a trait that is inert, whatever was assigned to it."""
    owner, name = _inert()
    named = trait.name == name and trait.metadata.get("config")
    if named and any(base.__name__ == owner for base in type(instance).__mro__):
        default = trait.default(instance)
        if default is not traitlets.Undefined:
            return default
    return _get(trait, instance, cls)


def _without(method: Any) -> Any:
    """Return a method of a configuration that first removes the setting, for code that reads no trait."""

    @functools.wraps(method)
    def read(config: Any, *arguments: Any) -> Any:
        owner, name = _inert()
        section = dict.get(config, owner)
        if isinstance(section, Config):
            dict.pop(section, name, None)
        return method(config, *arguments)

    return read


traitlets.TraitType.get = _get_or_default  # type: ignore[assignment,method-assign]
for _name in ("__getitem__", "get", "items"):
    setattr(Config, _name, _without(getattr(Config, _name)))
