"""``hub upgrade-db``, and the commands of plugins."""

from __future__ import annotations

import argparse
import difflib
from typing import Final

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.named_plugins import plugin_commands, plugin_names
from plughub.domain.errors import StartError
from plughub.storage.schema import require_database, schema_state, shown_database

BUILTIN_COMMANDS: Final = ("init", "check", "doctor", "token", "link", "upgrade-db", "plugins")


def upgrade_database(_options: argparse.Namespace, config: Config) -> int:
    """Upgrade the database schema.

    Args:
        _options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    hub = JupyterHub(config=config)
    require_database(hub.db_url)
    shown = shown_database(hub.db_url)
    before = schema_state(hub.db_url, hub.db_kwargs)
    if before.current:
        print(f"the database is up to date: {shown} ({before.head})")
        return 0
    from plughub.storage.upgrade import upgrade_schema  # noqa: PLC0415 - loads alembic, seldom used

    copy = upgrade_schema(hub.db_url, hub.db_kwargs)
    if copy is not None:
        print(f"the database was copied to {copy} before the upgrade")
    print(f"the database was upgraded from {before.revision or 'nothing'} to {before.head}: {shown}")
    return 0


def run_plugin_command(options: argparse.Namespace, config: Config) -> int:
    """Run a command that an active plugin adds.

    Args:
        options: of the command line, with the command and its arguments.
        config: the configuration.

    Returns:
        The exit code.

    Raises:
        StartError: no active plugin adds this command.
    """
    names = plugin_names(options.plugins, JupyterHub(config=config))
    commands = plugin_commands(config, names)
    if options.command not in commands:
        known = [*BUILTIN_COMMANDS, *commands]
        near = difflib.get_close_matches(options.command, known, n=1)
        raise StartError(
            f"unknown command {options.command!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"commands: {', '.join(known)}",
        )
    return commands[options.command].run(options.arguments)
