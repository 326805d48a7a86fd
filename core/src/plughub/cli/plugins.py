"""``hub plugins``: list the installed plugins, write a new one, and check one."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.installed_plugins import PluginDescription, describe_plugins
from plughub.app.named_plugins import plugin_names
from plughub.app.plugins import ACCESS, DATABASE
from plughub.domain.errors import RETRY, StartError
from plughub.kit.check import check_plugin, run_quick_tests
from plughub.kit.generator import KINDS, default_folder, new_plugin
from plughub.plugin.loader import find_plugin, installed_plugins
from plughub.services.users.login_links import PLUGIN as ONETIME


def list_plugins(options: argparse.Namespace, config: Config) -> int:
    """List the installed plugins, as a table or as JSON.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.

    Raises:
        StartError: no plugin is installed.
    """
    rows = describe_plugins(plugin_names(options.plugins, JupyterHub(config=config)))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    if not rows:
        raise StartError("no plugin is installed", hint="pip install plughub-localprocess plughub-haproxy")
    width = max(len(row.name) for row in rows)
    for row in rows:
        print(f"{row.name:{width}}  {row.distribution} {row.version}  {row.status}")
        for detail in _details(row):
            print(f"{'':{width}}    {detail}")
    print("\nPlugins are active if --plugins, PLUGHUB_PLUGINS or c.JupyterHub.plugins names them.")
    return 0


def write_plugin(options: argparse.Namespace, _config: Config) -> int:
    """Write a package with a new plugin, and print what to do next.

    Args:
        options: of the command line: kind, name, folder, author, and whether it is a class.
        _config: the configuration, which is not read.

    Returns:
        The exit code.

    Raises:
        StartError: the name is invalid or taken, or the folder exists.
    """
    if options.name in {ONETIME, DATABASE, ACCESS}:
        raise StartError(f"plugin {options.name!r} is a part of the hub", hint="choose another name")
    if options.name in installed_plugins():
        raise StartError(f"a plugin {options.name!r} is installed already", hint="choose another name")
    folder = options.folder or default_folder(options.name)
    files = new_plugin(options.kind, options.name, folder, as_class=options.as_class, author=options.author)
    for file in files:
        print(file)
    where = shlex.quote(str(folder))
    print(f"""
Try it:
  pip install -e {shlex.quote(f"{folder}[run]")}
  cd {where} && hub

Check and test it:
  pip install 'plughub[testing]'
  hub plugins check {options.name}
  cd {where} && python -m pytest""")
    return 0


def check_installed(options: argparse.Namespace, _config: Config) -> int:
    """Check a plugin against the contract and run its quick tests.

    Args:
        options: of the command line: the name of the plugin, and whether its tests run.
        _config: the configuration, which is not read.

    Returns:
        0 if nothing is wrong, 1 otherwise.

    Raises:
        StartError: the plugin is not installed, or cannot be imported.
    """
    plugin = find_plugin(options.name, installed_plugins())
    problems, unchecked = check_plugin(plugin)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{plugin.title}: {len(problems)} problem{'s'[: len(problems) > 1]}")
        return RETRY
    print(f"{plugin.title} keeps the contract", flush=True)
    if unchecked:
        print(f"not all hooks were called: {unchecked}; 'hub check' uses your settings", flush=True)
    return RETRY if options.tests and run_quick_tests(plugin) else 0


READS_NO_FILE: Final = frozenset({write_plugin, check_installed})
"""Commands for which no config file is read."""


def add_plugin_commands(commands: Any) -> argparse.ArgumentParser:
    """Add ``plugins``, ``plugins new`` and ``plugins check``.

    Args:
        commands: the subparsers of the command line.

    Returns:
        The parser of ``plugins``, which lacks the common options. The others need none.
    """
    plugins: argparse.ArgumentParser = commands.add_parser(
        "plugins", help="list the installed plugins, write a new one, or check one"
    )
    plugins.add_argument("--json", action="store_true", help="print JSON")
    plugins.set_defaults(run=list_plugins)
    actions = plugins.add_subparsers(title="actions; without one, the plugins are listed", metavar="ACTION")
    new = actions.add_parser("new", help="write a package with a new plugin and its tests")
    new.add_argument("kind", metavar="KIND", choices=sorted(KINDS), help=", ".join(sorted(KINDS)))
    new.add_argument("name", metavar="NAME", help="name of the plugin for --plugins, such as slurm")
    new.add_argument("--class", dest="as_class", action="store_true", help="a class instead of functions")
    new.add_argument("--folder", type=Path, help="folder to create; default: plughub-NAME")
    new.add_argument("--author", help="author, for the package and its licence")
    new.set_defaults(run=write_plugin)
    check = actions.add_parser("check", help="check a plugin against the contract, and run its quick tests")
    check.add_argument("name", metavar="NAME", help="name of the plugin")
    check.add_argument("--no-tests", dest="tests", action="store_false", help="do not run its tests")
    check.set_defaults(run=check_installed)
    return plugins


def _details(row: PluginDescription) -> Iterator[str]:
    if row.contract:
        yield f"contract: {row.contract}"
    if row.hooks:
        yield f"hooks: {', '.join(row.hooks)}"
    if row.settings:
        yield f"settings: {', '.join(row.settings)}"
    if row.file:
        yield f"file: {row.file}"
