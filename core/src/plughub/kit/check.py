"""Check of a plugin against the contract, and its quick tests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.spawner.spawner import Spawner
from plughub.domain.errors import StartError
from plughub.kit.record_uses import problems_in
from plughub.kit.register_hooks import call_register_hooks
from plughub.plugin.loader import InstalledPlugin
from plughub.plugin.locations import location_of
from plughub.plugin.manager import ContractProblem, problems_of, why_inert
from plughub.plugin.plugin_classes import registered_class
from plughub.plugin.source import source_file, source_files

_BASES: Final = {"spawner": Spawner, "authenticator": Authenticator, "proxy": Proxy}
_DEPTH: Final = 3
"""How far above its module a plugin's project folder may be: ``src/package/module.py``."""
_NO_TESTS: Final = 5
"""Exit code of pytest when it ran no test."""


def check_plugin(plugin: InstalledPlugin) -> tuple[list[str], str]:
    """Check a plugin: its hooks, their arguments, its classes, its uses of records, and what it registers.

    Args:
        plugin: the plugin.

    Returns:
        What is wrong, one line for each problem; and why a part could not be checked, empty if all was.

    Raises:
        StartError: it is incompatible with this core, or cannot be imported.
    """
    loaded = plugin.load()
    found = [_line(plugin, problem) for problem in problems_of(loaded)]
    for file in source_files(plugin):
        found += problems_in(file)
    if not found and (inert := why_inert(loaded)):
        return [_line(plugin, inert)], ""
    found = found or list(_problems_of_classes(plugin))
    return (found, "") if found else asyncio.run(call_register_hooks(plugin))


def run_quick_tests(plugin: InstalledPlugin) -> int:
    """Run the quick part of a plugin's tests, those that start no hub, proxy, engine or browser.

    Args:
        plugin: the plugin.

    Returns:
        0 if they passed, or if there are none; otherwise the exit code of pytest.
    """
    folder = project_folder(plugin)
    if folder is None:
        print("tests: none found; install the plugin with pip install -e from its folder to run them")  # noqa: T201
        return 0
    if find_spec("pytest") is None:
        print("tests: pytest is not installed; pip install 'plughub[testing]'")  # noqa: T201
        return 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "plughub.testing.quick", "--quick"]
    code = subprocess.run(command, cwd=folder, check=False).returncode  # noqa: S603 - the plugin's own tests
    return 0 if code == _NO_TESTS else code


def project_folder(plugin: InstalledPlugin) -> Path | None:
    """Return the folder of a plugin's project, which has its tests; None for a plugin without its project.

    Args:
        plugin: the plugin.
    """
    file = source_file(plugin)
    for folder in [] if file is None else list(file.parents)[:_DEPTH]:
        if (folder / "pyproject.toml").is_file() and (folder / "tests").is_dir():
            return folder
    return None


def _line(plugin: InstalledPlugin, problem: ContractProblem) -> str:
    return f"{problem.location or plugin.module}: {problem.text}"


def _problems_of_classes(plugin: InstalledPlugin) -> Iterator[str]:
    for kind, base in _BASES.items():
        try:
            cls = registered_class(kind, plugin)
        except StartError as error:
            yield str(error)
            continue
        if cls is not None and not issubclass(cls, base):
            problem = f"hub_register_{kind} returns {cls.__name__}, which is not a plughub {base.__name__}"
            yield f"{location_of(cls) or plugin.module}: {problem}"
