"""Run the first command of the README in a copy of this clone: ``python release/fresh_clone.py``.

The copy has no environment yet. The command installs one, starts a hub and prints a login link that works.
"""

from __future__ import annotations

import http.client
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from distributions import ROOT
from installed import FailedError, environment_without_clone, free_ports

SECONDS = 300.0
"""Seconds until the link appears: pip takes minutes where there is no uv."""
STOP_SECONDS = 60.0
LINK = re.compile(r"http://127\.0\.0\.1:\d+/hub/login/onetime\?token=\S+")
COOKIE = "jupyterhub-hub-login="
OPENED_BY_USER = {
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
}
"""What a browser sends when its user opens a link."""


def main() -> int:
    """Copy the clone, run the command, open the link and stop the hub.

    Returns:
        The exit code.
    """
    with tempfile.TemporaryDirectory(prefix="plughub-clone-") as name:
        folder = Path(name)
        copy(folder)
        try:
            seconds = try_command(first_command(), folder)
        except FailedError as error:
            print(error)
            return 1
    print(f"a fresh clone prints a login link after {seconds:.0f} seconds")
    return 0


def copy(folder: Path) -> None:
    """Copy the files that git knows.

    Args:
        folder: an empty one.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def first_command() -> str:
    """Return the first command of the README."""
    found = re.search(r"^```sh\n(.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return found[1] if found else ""


def try_command(command: str, folder: Path) -> float:
    """Run the command until its link appears, open the link, and press Ctrl-C.

    Args:
        command: starts a hub.
        folder: the copy of the clone.

    Returns:
        Seconds until the link appeared.

    Raises:
        FailedError: no link appears, it does not log in, or the hub ends with an error.
    """
    port, hub_port = free_ports()
    words = [*shlex.split(command), f"--JupyterHub.port={port}", f"--JupyterHub.hub_port={hub_port}"]
    output, begun = folder / "output.log", time.monotonic()
    with output.open("w") as log:
        process = subprocess.Popen(
            words, cwd=folder, env=environment_without_clone(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        link = wait_for_link(process, output)
        seconds = time.monotonic() - begun
        check_login(link)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(STOP_SECONDS)
    if process.returncode:
        message = f"the hub ended with code {process.returncode}:\n{output.read_text()}"
        raise FailedError(message)
    return seconds


def check_login(link: str) -> None:
    """Open the link as a browser does, without following it: root, for example, gets no server.

    Args:
        link: that the hub printed.

    Raises:
        FailedError: it does not log in.
    """
    address = urlsplit(link)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    connection.request("GET", f"{address.path}?{address.query}", headers=OPENED_BY_USER)
    response = connection.getresponse()
    cookies = " ".join(response.headers.get_all("Set-Cookie", []))
    connection.close()
    if response.status != http.HTTPStatus.FOUND or COOKIE not in cookies:
        message = f"the link does not log in: {response.status}, cookies {cookies!r}"
        raise FailedError(message)


def wait_for_link(process: subprocess.Popen[bytes], output: Path) -> str:
    """Return the login link that the hub prints.

    Args:
        process: of the command.
        output: what it writes.

    Raises:
        FailedError: it ended, or printed no link in time.
    """
    ends = time.monotonic() + SECONDS
    while not (found := LINK.search(output.read_text())):
        if process.poll() is not None or time.monotonic() > ends:
            message = f"no login link:\n{output.read_text()}"
            raise FailedError(message)
        time.sleep(0.1)
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
