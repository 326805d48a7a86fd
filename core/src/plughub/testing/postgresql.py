"""A real PostgreSQL server for tests, started when the first test needs it."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy import create_engine, make_url, text

from plughub.testing.ports import free_port
from plughub.testing.quick import starts

_TIMEOUT = 60
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "timezone": "UTC",
    "max_wal_size": "128MB",
}
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder of each server has a random name
_FREE_BYTES: Final = 4 * 1024**3
_FOLDER: Final = re.compile(r"plughub-pg-(\d+)-")


def postgresql_binaries() -> Path | None:
    """Find the folder with ``initdb`` and ``pg_ctl``.

    Returns:
        The folder, None when PostgreSQL's server is not installed.
    """
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@starts
class PostgresServer:
    """A server of its own folder and port on 127.0.0.1.

    Args:
        binaries: folder with the server's commands.

    Attributes:
        folder: its files; in memory if there is enough.
        port: its port.
    """

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        parent = _parent_folder()
        _remove_leftovers(parent)
        self.folder = Path(tempfile.mkdtemp(prefix=f"plughub-pg-{os.getpid()}-", dir=parent))
        self._data = self.folder / "data"
        self.port = free_port()
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)

    @property
    def url(self) -> str:
        """URL of the server's own database."""
        return self._url("postgres")

    def start(self) -> None:
        """Make the folder on the first time, and start the server."""
        if not self._data.exists():
            self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8")
        settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} {settings}"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server.

        Args:
            mode: ``fast``, or ``immediate`` for a crash.
        """
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def remove(self) -> None:
        """Stop the server if it runs, and remove its folder."""
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self, template: str = "") -> str:
        """Make a database.

        Args:
            template: URL of the database whose copy it is, which nothing uses; an empty one by default.

        Returns:
            Its URL.
        """
        name = f"t{uuid.uuid4().hex}"
        copied = f" TEMPLATE {make_url(template).database}" if template else ""
        self._execute(f"CREATE DATABASE {name}{copied}")
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database and end its connections; leave it to `remove` if it is on disk, which is slow.

        Args:
            url: its URL.
        """
        if self.folder.parent == _MEMORY:
            self._execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def _run(self, command: str, *arguments: object) -> None:
        subprocess.run(
            [str(self._binaries / command), *map(str, arguments)],
            user=self._user,
            check=True,
            timeout=_TIMEOUT,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _parent_folder() -> Path:
    """Return a folder in memory if there is enough: a disk may take seconds to remove a database."""
    if _MEMORY.is_mount() and os.access(_MEMORY, os.W_OK):
        free = min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available)
        if free >= _FREE_BYTES:
            return _MEMORY
    return Path(tempfile.gettempdir())


def _remove_leftovers(parent: Path) -> None:
    """Stop and remove servers whose process of tests was killed."""
    for folder in parent.glob("plughub-pg-*"):
        owner = _FOLDER.match(folder.name)
        if owner is None or psutil.pid_exists(int(owner[1])):
            continue
        for process in _servers_in(folder):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGQUIT)  # as "pg_ctl stop -m immediate"
                process.wait(_TIMEOUT)
        shutil.rmtree(folder, ignore_errors=True)


def _servers_in(folder: Path) -> Iterator[psutil.Process]:
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().splitlines()[0]))
        if any(str(folder) in word for word in process.cmdline()):
            yield process
