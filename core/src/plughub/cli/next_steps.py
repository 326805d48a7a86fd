"""Advice in the terminal of a hub that has just started."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from plughub.app.config_files import DEFAULT_FILE
from plughub.app.hub import Hub
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.storage.database import is_in_memory
from plughub.storage.schema import shown_database

COMMAND_VARIABLE: Final = "PLUGHUB_COMMAND"
"""Environment variable that ``dev.py`` sets: what a person types for the command ``hub``."""


def next_steps(options: argparse.Namespace, hub: Hub) -> Sequence[str]:
    """Return what a person can do next. A log without a reader, such as a service's, gets no advice.

    Args:
        options: of the command line.
        hub: runs.

    Returns:
        Lines for the terminal; none if standard output is no terminal.
    """
    if not sys.stdout.isatty():
        return ()
    settings, config_file = hub.plan.config, Path(options.config or DEFAULT_FILE)
    steps = {_command(options, "plugins"): "list the plugins to choose from (hub --plugins A,B)"}
    if ONETIME in hub.plan.selection.active.names and not is_in_memory(settings.db_url):
        steps = {_command(options, "link NAME"): "add a person: prints a login link for them"} | steps
    if not config_file.exists():
        steps[_command(options, "init")] = "write a config file, after a few questions"
    steps[_command(options, "doctor")] = "report problems, and what to do about them"
    width = max(map(len, steps))
    read = f", configured by {config_file}" if config_file.exists() else ", no config file"
    return (
        "",
        "Next steps, in another terminal, in this folder:",
        *(f"  {command:{width}}  {purpose}" for command, purpose in steps.items()),
        f"Files: {Path.cwd()} (database {shown_database(settings.db_url)}{read})",
        f"Ctrl-C stops the hub{_also_stopped(settings.cleanup_servers, settings.cleanup_proxy)}.",
    )


def command_name() -> str:
    """Return what a person types to run this command again, such as ``hub`` or the path of it."""
    if named := os.environ.get(COMMAND_VARIABLE):
        return named
    path = Path(sys.argv[0])
    if path.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m plughub"
    on_path = shutil.which(path.name)
    return path.name if on_path and Path(on_path).resolve() == path.resolve() else shlex.quote(str(path))


def _command(options: argparse.Namespace, command: str) -> str:
    """Return a command line that reads the same configuration as this hub."""
    given = ["-f", options.config] if options.config else []
    given += ["-p", options.plugins] if options.plugins else []
    return " ".join([command_name(), *map(shlex.quote, given), command])


def _also_stopped(servers: bool, proxy: bool) -> str:
    if servers and proxy:
        return ", its servers and its proxy"
    if servers:
        return " and its servers; the proxy keeps running"
    return " and its proxy; servers keep running" if proxy else "; servers and proxy keep running"
