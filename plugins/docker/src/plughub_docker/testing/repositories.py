"""A Git repository for tests, on a web server."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make_course(folder: Path) -> None:
    """Create the bare repository ``course.git`` with the file ``lesson.txt``, for a static web server."""
    work, bare = folder / "work", folder / "course.git"
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    _git("init", "--quiet", work)
    (work / "lesson.txt").write_text("lesson one\n")
    _git("-C", work, "add", "lesson.txt")
    _git("-C", work, *author, "commit", "--quiet", "-m", "one")
    _git("clone", "--quiet", "--bare", work, bare)
    _git("-C", bare, "update-server-info")


@contextlib.contextmanager
def serving(folder: Path, address: str) -> Iterator[str]:
    """Serve a folder over HTTP, and yield its URL.

    Args:
        folder: the folder.
        address: address of this machine to listen on.
    """
    server = ThreadingHTTPServer((address, 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name in the base class
        """Log nothing."""


def _git(*arguments: object) -> None:
    subprocess.run(["git", *map(str, arguments)], check=True, capture_output=True)
