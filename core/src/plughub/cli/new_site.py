"""``hub init``: write a config file for a new hub, after a few questions."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from traitlets.config import Config

from plughub.app.config_files import DEFAULT_FILE
from plughub.cli.next_steps import command_name
from plughub.cli.options import settings_of_options
from plughub.cli.site_answers import add_answers, collect_answers
from plughub.cli.site_files import config_text, next_commands, plugins_of, service_files
from plughub.domain.errors import StartError, exit_code_of
from plughub.plugin.loader import find_plugin, installed_plugins
from plughub.services.users.login_links import PLUGIN as ONETIME

_PRIVATE = 0o600
_PUBLIC = 0o644


def add_init(commands: Any) -> argparse.ArgumentParser:
    """Add ``init`` to the commands, which argparse keeps in a private class, and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "init", help="write a config file for a new hub, after a few questions"
    )
    parser.set_defaults(run=write_site)
    add_answers(parser)
    return parser


def write_site(options: argparse.Namespace, _config: Config) -> int:
    """Write a commented config file and, if wanted, files for systemd or Docker Compose.

    Existing files are never replaced.

    Args:
        options: of the command line: the answers, and settings such as ``--port`` for the file.
        _config: the configuration of the command line.

    Returns:
        The exit code.

    Raises:
        StartError: an answer is invalid, a plugin is missing, or a file exists or cannot be written.
    """
    file = Path(options.config or DEFAULT_FILE).absolute()
    _refuse_existing(file)
    answers = collect_answers(options)
    installed = installed_plugins()
    for name in plugins_of(answers):
        if name != ONETIME:
            find_plugin(name, installed)
    command = " ".join([command_name(), *(["-f", shlex.quote(str(file))] if options.config else [])])
    further = service_files(file, answers, _own_path())
    for name in further:
        _refuse_existing(file.with_name(name))
    _write(file, config_text(answers, file.parent, settings_of_options(options), command), _PRIVATE)
    for name, text in further.items():
        _write(file.with_name(name), text, _PUBLIC)
    print(f"\nNext steps, in the folder {file.parent}:")
    print("\n".join(f"  {step}" for step in next_commands(answers, command)))
    return 0


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise StartError(
            f"the file exists: {path}",
            hint="hub init replaces no file: move it away, or choose another with -f FILE",
        )


def _write(path: Path, text: str, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w") as file:
            file.write(text)
        print(f"written: {path}")
    except FileExistsError:
        _refuse_existing(path)
    except OSError as error:
        raise StartError(
            f"the file cannot be written: {path}: {error.strerror}", exit_code=exit_code_of(error)
        ) from error


def _own_path() -> str:
    """Return the path of the command ``hub`` that runs."""
    beside = Path(sys.executable).with_name("hub")
    return str(beside if beside.exists() else Path(sys.argv[0]).absolute())
