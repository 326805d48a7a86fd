"""Adapter from plugin classes to what the contract suites test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from traitlets.config import Config

from plughub.classes.adapters import adapt_authenticator, adapt_proxy, adapt_spawner
from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.spawner.spawner import Spawner

NAME: Final = "tested"
"""Name of the plugin."""


def hooks_of(
    cls: type[Spawner | Authenticator | Proxy],
    config: Mapping[str, Mapping[str, Any]] | None = None,
    folder: Path | None = None,
) -> object:
    """Adapt a class to the hooks that the hub calls.

    Args:
        cls: a spawner, an authenticator or a proxy.
        config: settings by class and name, such as ``{"Spawner": {"cmd": ["server"]}}``.
        folder: for files of a spawner.

    Returns:
        The plugin.
    """
    settings = Config({section: Config(values) for section, values in (config or {}).items()})
    if issubclass(cls, Spawner):
        return adapt_spawner(NAME, cls, settings, folder)
    if issubclass(cls, Authenticator):
        return adapt_authenticator(NAME, cls, settings)[0]
    return adapt_proxy(NAME, cls, settings)[0]
