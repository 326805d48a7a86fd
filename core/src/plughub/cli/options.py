"""Options of the command line that set settings of the hub. Add an option to one of the two tables."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plughub.app.config import JupyterHub
from plughub.storage.database import IN_MEMORY

VALUES: Final = {
    "--ip": "ip",
    "--port": "port",
    "--url": "bind_url",
    "--base-url": "base_url",
    "--db": "db_url",
    "--ssl-key": "ssl_key",
    "--ssl-cert": "ssl_cert",
    "--log-level": "log_level",
    "--log-file": "extra_log_file",
    "--pid-file": "pid_file",
}
"""Options with a value: the setting of `JupyterHub` that gets it. Its help is that of the setting."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Option without a value.

    Attributes:
        settings: settings of `JupyterHub` that it sets.
        help: text for ``--help``.
        names: further names of the option.
    """

    settings: Mapping[str, Any]
    help: str
    names: tuple[str, ...] = ()


FLAGS: Final = {
    "--debug": Flag({"log_level": "DEBUG"}, "log at level DEBUG, show tracebacks"),
    "--yes": Flag({"answer_yes": True}, "answer yes to every question", names=("-y",)),
    "--upgrade-db": Flag({"upgrade_db": True}, "upgrade the database schema at the start"),
    "--reset-db": Flag({"reset_db": True}, "delete everything in the database at the start; asks first"),
    "--generate-certs": Flag({"generate_certs": True}, "create the certificates of internal_ssl, and exit"),
    "--no-db": Flag({"db_url": IN_MEMORY}, "keep the database in memory, and lose it when the hub stops"),
    "--no-ssl": Flag({"confirm_no_ssl": True}, "no effect, as in JupyterHub"),
}
"""Options without a value. With `plughub.app.questions.is_confirmed`, a setting can ask before it acts."""


def add_setting_options(parser: argparse.ArgumentParser, default: Any = None) -> None:
    """Add the options of both tables.

    Args:
        parser: of the command.
        default: value of an option that is not given; `argparse.SUPPRESS` for the parser of a subcommand,
            which must not overwrite the value of an option before the subcommand.
    """
    for option, flag in FLAGS.items():
        parser.add_argument(
            *flag.names,
            option,
            dest=_destination(option),
            action="store_true",
            default=False if default is None else default,
            help=flag.help,
        )
    for option, setting in VALUES.items():
        parser.add_argument(
            option,
            dest=_destination(option),
            metavar="VALUE",
            default=default,
            type=int if setting == "port" else str,
            help=str(getattr(JupyterHub, setting).help).split("\n", maxsplit=1)[0],
        )


def without_value_of_yes(arguments: Sequence[str]) -> list[str]:
    """Accept ``-y=True`` and ``-y True``, as JupyterHub requires it, beside ``-y``."""
    remaining, rest = list(arguments), []
    while remaining:
        word = remaining.pop(0)
        name, _, value = word.partition("=")
        if word == "-y" and remaining and remaining[0].lower() in {"true", "false"}:
            value = remaining.pop(0)
        if name != "-y":
            rest.append(word)
        elif value.lower() != "false":
            rest.append("-y")
    return rest


def settings_of_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of `JupyterHub` that the given options set."""
    found: dict[str, Any] = {}
    for option, setting in VALUES.items():
        if (value := getattr(options, _destination(option), None)) is not None:
            found[setting] = value
    for option, flag in FLAGS.items():
        if getattr(options, _destination(option), False):
            found |= flag.settings
    return found


def _destination(option: str) -> str:
    """Return the attribute of an option in the parsed arguments."""
    return option.removeprefix("--").replace("-", "_")
