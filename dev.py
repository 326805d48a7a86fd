"""Run the hub, its tests or its checks from a clone, in a virtual environment at .venv.

- ``python3 dev.py hub [arguments of hub]``
- ``python3 dev.py test [arguments of pytest]``: all tests in two processes, with ``-n 0`` in one
- ``python3 dev.py check``
- ``python3 dev.py docs``: build the documentation site and serve it, with ``--check`` only build it
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
DISTRIBUTIONS = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
EXTRAS = {"core": "[testing,postgresql]", "localprocess": "[jupyter]", "jupyterhub": "[testing]"}
ONE_PROCESS = (
    "-n",
    "--numprocesses",
    "--dist",  # the user's own choice
    "-k",
    "-m",
    "--lf",
    "--last-failed",  # a part of the tests
    "-s",
    "--capture",
    "--pdb",
    "--trace",
    "--setup-",
    "--fixtures",
    "--collect-only",
    "--co",
    "--help",
    "-h",
)
"""Beginnings of options with which the tests run in one process, unless the user chooses otherwise."""
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


def main(arguments: list[str]) -> int:
    """Run the command that the first argument names.

    Args:
        arguments: of the command line.

    Returns:
        The exit code.
    """
    if sys.version_info < (3, 11):
        print("dev.py: Python 3.11 or newer is required")
        return 2
    command, *rest = arguments or [""]
    if command == "hub":
        install([])
        return run("hub", *rest, check=False)
    if command == "test":
        install(["test"])
        return run("python", "-m", "pytest", *processes(rest), *rest, check=False)
    if command == "check":
        install(["dev"])
        return max(run(*check, check=False) for check in CHECKS)
    if command == "docs":
        install(["docs"])
        return run("python", "docs/website.py", *rest, check=False)
    print(__doc__)
    return 2


def processes(arguments: list[str]) -> list[str]:
    """Choose in how many processes the tests run.

    Args:
        arguments: of pytest.

    Returns:
        Arguments for pytest-xdist. None for a part of the tests, which takes longer with two processes; with
        options that need one process; and with options of pytest-xdist, such as ``-n 0``.
    """
    part = any((ROOT / word.partition("::")[0]).exists() for word in arguments)
    one = any(word.startswith(ONE_PROCESS) for word in arguments)
    return [] if part or one else ["--numprocesses=2", "--dist=loadfile"]


def install(groups: list[str]) -> None:
    """Install all distributions into .venv, unless they have not changed since the last installation.

    Args:
        groups: dependency groups of the workspace.
    """
    stamp = VENV / f"installed-{'-'.join(groups) or 'hub'}"
    wanted = fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"dev.py: installing into {VENV}, which takes about a minute", flush=True)
    if not BIN.exists():
        venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
        run("python", "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    editable = [f"{path}{EXTRAS.get(path.name, '')}" for path in DISTRIBUTIONS]
    chosen = [argument for group in groups for argument in ("--group", group)]
    packages = [argument for path in editable for argument in ("--editable", path)]
    run("python", "-m", "pip", "install", "--quiet", *chosen, *packages)
    stamp.write_text(wanted)


def fingerprint() -> str:
    """Return a hash of every pyproject.toml, which changes with the dependencies."""
    files = [ROOT / "pyproject.toml", *(path / "pyproject.toml" for path in DISTRIBUTIONS)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def run(command: str, *arguments: str, check: bool = True) -> int:
    """Run a command of .venv: ``hub`` in the current directory, any other at the root of the clone.

    Args:
        command: its name.
        arguments: its arguments.
        check: exit if it fails.

    Returns:
        Its exit code.
    """
    folder = None if command == "hub" else ROOT
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    environment["PLUGHUB_COMMAND"] = f"python3 {shlex.quote(sys.argv[0])} hub"  # for the hub's advice
    with subprocess.Popen([str(BIN / command), *arguments], cwd=folder, env=environment) as process:
        # Ctrl-C also reaches the command, which shuts down by itself; subprocess.run would kill it.
        code = None
        while code is None:
            with contextlib.suppress(KeyboardInterrupt):
                code = process.wait()
    if check and code:
        sys.exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
