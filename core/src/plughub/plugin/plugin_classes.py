"""Classes of plugins under the core's public names, such as ``plughub.spawner.LocalProcessSpawner``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from plughub.domain.errors import StartError
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.loader import InstalledPlugin, distribution_of, installed_plugins
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools

PLUGIN_CLASSES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = MappingProxyType(
    {
        "plughub.spawner": (
            "spawner",
            {"LocalProcessSpawner": "localprocess", "SimpleLocalProcessSpawner": "simple"},
        ),
        "plughub.auth": (
            "authenticator",
            {
                "PAMAuthenticator": "pam",
                "DummyAuthenticator": "dummy",
                "SharedPasswordAuthenticator": "shared-password",
            },
        ),
        "plughub.proxy": ("proxy", {"ConfigurableHTTPProxy": "chp", "HAProxyProxy": "haproxy"}),
    }
)
"""Kind, and plugin by class name, for each public module that offers classes of plugins."""


def import_plugin_class(module: str, name: str) -> type:
    """Return a class of an installed plugin for the ``__getattr__`` of a public module.

    Args:
        module: the public module.
        name: the requested attribute.

    Raises:
        AttributeError: no plugin has a class of that name for this module.
        ImportError: the plugin is not installed or broken; the message says what to install.
    """
    kind, plugins = PLUGIN_CLASSES[module]
    if name not in plugins:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    plugin = plugins[name]
    try:
        found = installed_plugins().get(plugin)
        cls = registered_class(kind, found) if found else None
    except StartError as error:
        raise ImportError(f"{module}.{name}: {error}; {error.hint}", name=module) from error
    if cls is None:
        raise ImportError(
            f"{module}.{name} is part of the plugin {plugin!r}, which is not installed: "
            f"pip install {distribution_of(plugin)}",
            name=module,
        )
    return cls


def registered_class(kind: str, plugin: InstalledPlugin) -> type | None:
    """Import a plugin and return the class that it registers for a kind; None if it registers none.

    Raises:
        StartError: the plugin is broken.
    """
    active = ActivePlugins()
    active.add(plugin.name, plugin.load())
    answers = HookCaller(active, ThreadPools()).register(f"hub_register_{kind}", expected=type)
    return answers[0].value if answers else None


def plugin_that_registers(kind: str, cls: type, installed: Iterable[InstalledPlugin]) -> str:
    """Return the name of the installed plugin that registers a class; empty if none does.

    Only plugins of the package that defines the class are imported.

    Args:
        kind: spawner, authenticator or proxy.
        cls: the class.
        installed: the installed plugins.
    """
    package = cls.__module__.partition(".")[0]
    for plugin in installed:
        if plugin.package == package:
            with contextlib.suppress(StartError):  # another plugin of the package may be incomplete
                if registered_class(kind, plugin) is cls:
                    return plugin.name
    return ""
