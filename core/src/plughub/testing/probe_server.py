"""A server in place of Jupyter that reports everything about its process and misbehaves on request.

It needs only the standard library and is run by path (`PROBE_SERVER`). It listens where
``JUPYTERHUB_SERVICE_URL`` says; ``GET`` of any path returns JSON with the user, folder, arguments and
environment of the process. Its own arguments:
``--exit=3``, ``--deaf`` (never listens), ``--elsewhere`` (listens on another port), ``--stubborn`` (ignores
SIGINT and SIGTERM), ``--leaves-child`` (starts a stubborn child in its process group and writes its number),
``--writes=1000`` (that many lines).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

PROBE_SERVER: Final = (sys.executable, str(Path(__file__).resolve()))
"""The command that runs this server."""


class Handler(BaseHTTPRequestHandler):
    """Handler that reports everything about the process."""

    def do_GET(self) -> None:
        """Answer JSON."""
        body = json.dumps(facts()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Write a line for each request."""
        print(format % args, flush=True)  # noqa: T201 - a server's log


def facts() -> dict[str, object]:
    """Return user, folder, arguments and environment of the process."""
    return {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": sorted(os.getgroups()),
        "folder": str(Path.cwd()),
        "argv": sys.argv,
        "environment": dict(os.environ),
        "leads_session": os.getsid(0) == os.getpid(),
    }


def main() -> None:
    """Serve until a signal arrives."""
    options = dict(argument.removeprefix("--").partition("=")[::2] for argument in sys.argv[1:])
    print(f"probe server {os.getpid()} starts", flush=True)  # noqa: T201
    for number in range(int(options.get("writes", 0))):
        print(f"line {number}", flush=True)  # noqa: T201
    if "exit" in options:
        sys.exit(int(options["exit"]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if "stubborn" in options else leave)
    if "leaves-child" in options:
        child = subprocess.Popen([*PROBE_SERVER, "--stubborn", "--deaf"])
        print(f"child {child.pid}", flush=True)  # noqa: T201
    if "deaf" in options:
        threading.Event().wait()
    where = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    port = 0 if "elsewhere" in options else where.port or 80
    ThreadingHTTPServer((where.hostname or "", port), Handler).serve_forever()


def leave(number: int, _: object) -> None:
    """End at once, like a server without anything to save.

    Args:
        number: the signal.
    """
    print(f"probe server ends after signal {number}", flush=True)  # noqa: T201
    os._exit(0)


if __name__ == "__main__":
    main()
