"""Install the built wheels alone and start a hub: ``python release/installed.py [FOLDER]``.

The environment is empty, and nothing comes from the clone. The hub then answers with what only files that are
no modules can provide: a page of a template, a style sheet, and a German text.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

from distributions import ROOT, all_distributions

PLUGINS = "simple,dummy,haproxy"
DEADLINE = 60.0
"""Seconds until the hub answers."""
CONFIG = """\
c.JupyterHub.bind_url = "http://127.0.0.1:{port}/"
c.JupyterHub.hub_port = {hub_port}
c.Authenticator.allow_all = True
"""


class FailedError(Exception):
    """The installed hub does not work; the text says in which way."""


def main(arguments: list[str]) -> int:
    """Install and try the wheels in the folder that the first argument names, by default ``dist``.

    Args:
        arguments: of the command line.

    Returns:
        The exit code.
    """
    dist = Path(arguments[0] if arguments else ROOT / "dist").resolve()
    with tempfile.TemporaryDirectory(prefix="plughub-installed-") as name:
        folder = Path(name)
        try:
            python = install(folder / "venv", dist)
            check_plugins(python, folder)
            with hub(python, folder) as address:
                check_pages(address)
        except FailedError as error:
            print(error)
            return 1
    print("a hub that is installed from the wheels alone starts, serves its pages and stops")
    return 0


def install(environment: Path, dist: Path) -> Path:
    """Install the wheels into a new virtual environment.

    Args:
        environment: its folder.
        dist: the folder of the wheels.

    Returns:
        The Python of the environment.

    Raises:
        FailedError: a wheel cannot be installed.
    """
    wheels = [str(dist / each.wheel) for each in all_distributions()]
    uv = shutil.which("uv")
    venv.create(environment, with_pip=not uv, symlinks=True)
    python = environment / "bin" / "python"
    pip = [uv, "pip"] if uv else [str(python), "-m", "pip"]
    into = ["--python", str(python)] if uv else []
    for command in ([*pip, "install", *into, "--quiet", *wheels], [*pip, "check", *into]):
        done = run(command, environment.parent)
        if done.returncode:
            message = f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
            raise FailedError(message)
    return python


def check_plugins(python: Path, folder: Path) -> None:
    """Compare the plugins that the installed hub lists with those of the repository.

    Args:
        python: the Python of the environment.
        folder: an empty one, to run in.

    Raises:
        FailedError: a plugin is missing, or the package comes from somewhere else.
    """
    wanted = {
        name
        for each in all_distributions()
        for name in each.project.get("entry-points", {}).get("plughub", ())
    }
    listed = run([str(python.parent / "hub"), "plugins"], folder)
    missing = wanted - {line.split()[0] for line in listed.stdout.splitlines() if line.strip()}
    where = run([str(python), "-c", "import plughub; print(plughub.__file__)"], folder).stdout.strip()
    if missing or not Path(where).is_relative_to(folder):
        message = f"missing plugins: {sorted(missing)}; plughub is in {where}\n{listed.stdout}{listed.stderr}"
        raise FailedError(message)


@contextlib.contextmanager
def hub(python: Path, folder: Path) -> Iterator[str]:
    """Start the installed hub, and stop it again.

    Args:
        python: the Python of the environment.
        folder: an empty one, in which the hub runs.

    Yields:
        Its address, once it answers.

    Raises:
        FailedError: it does not answer, or ends with an error.
    """
    port, hub_port = free_ports()
    (folder / "jupyterhub_config.py").write_text(CONFIG.format(port=port, hub_port=hub_port))
    log = folder / "hub.log"
    with log.open("w") as output:
        command = [str(python.parent / "hub"), "--plugins", PLUGINS]
        process = subprocess.Popen(
            command, cwd=folder, env=environment_without_clone(), stdout=output, stderr=output
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_it_answers(process, address, log)
        yield address
    finally:
        process.terminate()
        code = process.wait(30)
    if code:
        message = f"the hub ended with code {code}:\n{log.read_text()}"
        raise FailedError(message)


def wait_until_it_answers(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Wait for the first answer of the hub.

    Args:
        process: of the hub.
        address: of the hub.
        log: what it writes.

    Raises:
        FailedError: it ended, or did not answer in time.
    """
    ends = time.monotonic() + DEADLINE
    while not answers(f"{address}/hub/health"):
        if process.poll() is not None or time.monotonic() > ends:
            message = f"the hub does not answer:\n{log.read_text()}"
            raise FailedError(message)
        time.sleep(0.1)


def check_pages(address: str) -> None:
    """Open pages of the hub.

    Args:
        address: of the hub.

    Raises:
        FailedError: a page does not have what belongs there.
    """
    page = opened(f"{address}/hub/login", "de")
    style = re.search(r'href="([^"]+\.css[^"]*)"', page)
    if "Anmelden" not in page or style is None:
        message = f"the login page is not German, or has no style sheet:\n{page}"
        raise FailedError(message)
    if "{" not in opened(f"{address}{style[1]}", "en"):
        message = f"{style[1]} is no style sheet"
        raise FailedError(message)


def opened(address: str, language: str) -> str:
    """Return the text at an address.

    Args:
        address: of a page.
        language: that the browser prefers.
    """
    request = urllib.request.Request(address, headers={"Accept-Language": language})
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(response.read().decode())


def answers(address: str) -> bool:
    """Return whether an address can be opened.

    Args:
        address: of a page.
    """
    try:
        opened(address, "en")
    except OSError:
        return False
    return True


def free_ports() -> tuple[int, int]:
    """Return two ports that are free on 127.0.0.1."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command outside the clone, and return its output.

    Args:
        command: its words.
        folder: in which it runs.
    """
    return subprocess.run(
        command, cwd=folder, env=environment_without_clone(), capture_output=True, text=True, check=False
    )


def environment_without_clone() -> dict[str, str]:
    """Return the environment variables, without those that point Python to other packages."""
    unwanted = ("PYTHON", "PLUGHUB_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
