"""Plugins that the command line, the environment or the configuration names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.found_classes import adapter_of, is_upstream
from plughub.domain.errors import StartError
from plughub.kinds import Command
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.loader import find_plugin, installed_plugins
from plughub.plugin.manager import KINDS, ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.services.users.login_links import PLUGIN as ONETIME


def import_plugins(given: str | None) -> None:
    """Import the plugins of the command line or the environment, before the config file is read.

    A plugin may change what the config file can import. Problems are reported when the plugins are chosen.

    Args:
        given: argument of ``--plugins``; None if it was not used.
    """
    names = _given_names(given)
    if not names:
        return
    with contextlib.suppress(StartError):
        installed = installed_plugins()
        for name in names:
            found = name if name in installed else adapter_of(name, KINDS, installed)
            if found:
                installed[found].load()


def plugin_names(given: str | None, hub: JupyterHub) -> list[str]:
    """Return the plugin names of the command line, else the environment, else the configuration.

    Args:
        given: argument of ``--plugins``, separated by commas; None if it was not used.
        hub: the settings of the hub.
    """
    return _given_names(given) or list(hub.plugins)


def plugin_commands(config: Config, names: Sequence[str]) -> dict[str, Command]:
    """Load the named plugins and return the commands that they add, by name.

    Raises:
        StartError: a plugin is invalid, or two plugins add the same command.
    """
    active, installed = ActivePlugins(), installed_plugins()
    for name in names:
        is_class = name not in installed and any(is_upstream(kind, name) for kind in KINDS)
        if name != ONETIME and not is_class:
            plugin = find_plugin(name, installed)
            active.add(plugin.name, plugin.load())
    return commands_of(HookCaller(active, ThreadPools()), config)


def commands_of(caller: HookCaller, config: Config) -> dict[str, Command]:
    """Return the commands that plugins add, by name.

    Args:
        caller: calls the plugins.
        config: the configuration.

    Raises:
        StartError: a plugin failed, or two plugins add the same command.
    """
    commands: dict[str, Command] = {}
    for answer in caller.register("hub_register_commands", each=Command, config=config):
        for command in answer.value:
            if command.name in commands:
                raise StartError(f"two plugins add a command {command.name!r}; activate only one of them")
            commands[command.name] = command
    return commands


def _given_names(given: str | None) -> list[str]:
    text = given if given is not None else os.environ.get("PLUGHUB_PLUGINS", "")
    return [name.strip() for name in text.split(",") if name.strip()]
