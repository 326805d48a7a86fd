"""Run the hub, its tests or its checks from a clone, in a virtual environment at .venv.

- ``python3 dev.py hub [arguments of hub]``
- ``python3 dev.py test [arguments of pytest]``: all tests in three processes, with ``-n 0`` in one
- ``python3 dev.py check``
- ``python3 dev.py docs``: build the documentation site and serve it, with ``--check`` only build it
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
DISTRIBUTIONS = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
EXTRAS = {
    "hub": {"core": "[postgresql]", "localprocess": "[jupyter]"},
    "test": {"core": "[testing,postgresql]", "localprocess": "[jupyter]", "jupyterhub": "[testing]"},
}
INCLUDED_IN = {
    "hub": ("hub", "test", "docs", "dev"),
    "test": ("test", "dev"),
    "docs": ("docs", "dev"),
    "dev": ("dev",),
}
"""Which installations contain what a command needs; an up-to-date one is enough."""
PROCESSES = 3
"""Processes of all tests: more than most machines of CI have cores, because many tests wait."""
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
    ("codespell",),
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
        install("hub")
        return run("hub", *rest, check=False)
    if command == "test":
        install("test")
        return run("python", "-m", "pytest", *processes(rest), *rest, check=False)
    if command == "check":
        install("dev")
        return max(run(*check, check=False) for check in CHECKS)
    if command == "docs":
        install("docs")
        return run("python", "docs/website.py", *rest, check=False)
    print(__doc__)
    return 2


def processes(arguments: list[str]) -> list[str]:
    """Choose in how many processes the tests run.

    Args:
        arguments: of pytest.

    Returns:
        Arguments for pytest-xdist. None for a part of the tests, which takes longer with several processes;
        with options that need one process; and with options of pytest-xdist, such as ``-n 0``.
    """
    part = any((ROOT / word.partition("::")[0]).exists() for word in arguments)
    one = any(word.startswith(ONE_PROCESS) for word in arguments)
    return [] if part or one else [f"--numprocesses={PROCESSES}", "--dist=loadfile"]


def install(group: str) -> None:
    """Install all distributions into .venv, unless they have not changed since the last installation.

    Args:
        group: the dependency group of the workspace to install as well, ``hub`` for none.
    """
    wanted = fingerprint()
    for name in INCLUDED_IN[group]:
        stamp = VENV / f"installed-{name}"
        if stamp.exists() and stamp.read_text() == wanted:
            return
    begun = time.monotonic()
    print(f"dev.py: installing into {VENV}", flush=True)
    words = [*requirements(group), *editable(group)]
    uv = installer()
    # A hub compiles what it imports; most files are never imported.
    compiled = ["--compile-bytecode"] if group != "hub" or sys.dont_write_bytecode else []
    # uv does not read the configuration of pip, such as a mirror of the package index.
    if not uv or run(uv, "pip", "install", "--python", str(VENV), *compiled, *words, check=False):
        print("dev.py: installing with pip, which takes a few minutes", flush=True)
        run("python", "-m", "pip", "install", "--progress-bar", "on", *words)
    (VENV / f"installed-{group}").write_text(wanted)
    print(f"dev.py: installed in {time.monotonic() - begun:.0f} seconds", flush=True)


def installer() -> str:
    """Create .venv if it does not exist, and return the path of uv; empty if it cannot be installed."""
    uv = shutil.which("uv", path=f"{os.environ.get('PATH', '')}{os.pathsep}{BIN}") or ""
    if not BIN.exists() and not (uv and create(uv)):
        venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
    if not uv and run("python", "-m", "pip", "install", "--quiet", "uv>=0.5", check=False) == 0:
        uv = str(BIN / "uv")
    return uv


def create(uv: str) -> bool:
    """Create .venv with uv, and return whether that worked.

    Args:
        uv: its path.
    """
    return run(uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(VENV), check=False) == 0


def editable(group: str) -> list[str]:
    """Return the arguments that install all distributions as links to their sources.

    Args:
        group: ``hub`` and ``docs`` install what a hub needs, the others what the tests need as well.
    """
    extras = EXTRAS["hub" if group in ("hub", "docs") else "test"]
    paths = [f"{path}{extras.get(path.name, '')}" for path in DISTRIBUTIONS]
    return [word for path in paths for word in ("--editable", path)]


def requirements(group: str) -> list[str]:
    """Return the requirements in a dependency group of the workspace, and in those that it includes.

    Args:
        group: its name; ``hub`` has none.
    """
    import tomllib  # noqa: PLC0415 - main() reports an older Python, which has no tomllib

    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    found = []
    for entry in groups.get(group, ()):
        found += [entry] if isinstance(entry, str) else requirements(entry["include-group"])
    return found


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
