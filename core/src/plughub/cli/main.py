"""Entry point of the command ``hub``: arguments, error messages and exit codes."""

from __future__ import annotations

import argparse
import functools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from traitlets import TraitError
from traitlets.config import Config

import plughub
from plughub.app.config_files import bad_value, load_config, with_setting, without_file
from plughub.app.named_plugins import import_plugins
from plughub.app.run import run_hub
from plughub.cli.commands import BUILTIN_COMMANDS, run_plugin_command, upgrade_database
from plughub.cli.configuration import (
    check_settings,
    generate_config,
    show_config,
    show_config_json,
    show_help,
)
from plughub.cli.credentials import make_link, make_token
from plughub.cli.doctor import diagnose
from plughub.cli.new_site import add_init, write_site
from plughub.cli.next_steps import next_steps
from plughub.cli.options import add_setting_options, settings_of_options, without_value_of_yes
from plughub.cli.plugins import READS_NO_FILE, add_plugin_commands
from plughub.cli.settings import split_settings
from plughub.cli.streams import ignore_write_errors, is_output_lost
from plughub.domain.errors import RETRY, HubError, exit_code_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``hub``.

    Args:
        arguments: of the command line, without the command; None for those of this process.

    Returns:
        The exit code: 0 for success, 2 for a permanent error (arguments, configuration, a plugin, a database
        of a newer hub), 1 if a later start may succeed.
    """
    if arguments is None:
        ignore_write_errors()
    code = _run(list(sys.argv[1:] if arguments is None else arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    if arguments is None:
        # A plugin's thread that hangs in a library must not keep the process alive.
        os._exit(code)
    return code


def _run(arguments: list[str]) -> int:
    verbose = "--debug" in arguments
    try:
        settings, rest = split_settings(without_value_of_yes(arguments))
        plugin_command = _command_of_plugin(rest)
        options = plugin_command or _parser().parse_args(rest)
        of_hub = settings.get("JupyterHub", {}) | settings_of_options(options)
        given = settings | {"JupyterHub": of_hub}
        # A file that a command writes is not read: it may be missing or wrong.
        reads_file = options.run not in {generate_config, write_site, *READS_NO_FILE}
        import_plugins(options.plugins)
        config = load_config(options.config, given) if reads_file else without_file(given)
        command: Callable[[argparse.Namespace, Config], int] = options.run
        code = command(options, config)
        # A command whose output is lost has failed. The output of a running hub is optional.
        return code if command is _run_hub or not is_output_lost() else code or RETRY
    except TraitError as error:
        return _fail(bad_value(error), verbose=verbose)
    except HubError as error:
        return _fail(with_setting(error), verbose=verbose)
    except KeyboardInterrupt:
        return 130


def _run_hub(options: argparse.Namespace, config: Config) -> int:
    """Run a hub, the default action of the command."""
    return run_hub(config, options.plugins, functools.partial(next_steps, options))


def _command_of_plugin(arguments: list[str]) -> argparse.Namespace | None:
    """Parse a command line whose command is not built in; None for any other."""
    common = argparse.ArgumentParser(prog="hub", add_help=False, allow_abbrev=False)
    _add_common(common)
    options, rest = common.parse_known_args(arguments)
    if not rest or rest[0].startswith("-") or rest[0] in BUILTIN_COMMANDS:
        return None
    options.run, options.command, options.arguments = run_plugin_command, rest[0], rest[1:]
    return options


def _fail(error: HubError, *, verbose: bool) -> int:
    print(f"hub: {error}", file=sys.stderr)
    if error.hint:
        print(f"hub: {error.hint}", file=sys.stderr)
    if verbose:
        traceback.print_exception(error)
    return exit_code_of(error, unsure=RETRY)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hub",
        description="Run a multi-user hub that starts a notebook server for each user.",
        epilog="Set any setting with --Class.name=value, such as --JupyterHub.port=9000. "
        "Run a command of a plugin with: hub --plugins NAME COMMAND.",
    )
    parser.add_argument("--version", action="version", version=f"plughub {plughub.__version__}")
    parser.set_defaults(run=_run_hub)
    _add_common(parser)
    _add_listings(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    init = add_init(commands)
    check = commands.add_parser("check", help="check the configuration, and start nothing")
    check.set_defaults(run=check_settings)
    doctor = commands.add_parser("doctor", help="report problems of the hub, and what to do about them")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(run=diagnose)
    token = commands.add_parser("token", help="create an API token for a user and print it")
    token.add_argument("name", nargs="?", help="username; yourself if omitted")
    token.set_defaults(run=make_token)
    link = commands.add_parser("link", help="create a one-time login link for a user and print it")
    link.add_argument("name", nargs="?", help="username; yourself, as an admin, if omitted")
    link.add_argument(
        "--valid-for",
        metavar="DURATION",
        help="how long the link works, such as 90m or 2d; an hour if omitted",
    )
    link.set_defaults(run=make_link)
    upgrade = commands.add_parser("upgrade-db", help="upgrade the database schema")
    upgrade.set_defaults(run=upgrade_database)
    plugins = add_plugin_commands(commands)
    for command in (init, check, doctor, token, link, upgrade, plugins):
        _add_common(command, default=argparse.SUPPRESS)
    return parser


def _add_common(parser: argparse.ArgumentParser, default: Any = None) -> None:
    parser.add_argument(
        "-f",
        "--config",
        metavar="FILE",
        default=default,
        help="config file; default: jupyterhub_config.py in the current directory, if it exists",
    )
    parser.add_argument(
        "-p",
        "--plugins",
        metavar="A,B",
        default=default,
        help="active plugins, in the order in which their hooks are called",
    )
    add_setting_options(parser, default)


def _add_listings(parser: argparse.ArgumentParser) -> None:
    """Add the options that list settings instead of running a hub."""
    for name, run, text in (
        ("--help-all", show_help, "show all settings of the hub and of the active plugins"),
        ("--generate-config", generate_config, "write a config file with all settings (-f FILE)"),
        ("--show-config", show_config, "show the settings of this configuration, without secrets"),
        ("--show-config-json", show_config_json, "the same, as JSON"),
    ):
        parser.add_argument(name, dest="run", action="store_const", const=run, help=text)
