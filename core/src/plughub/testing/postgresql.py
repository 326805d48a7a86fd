"""A real PostgreSQL server for tests, started when the first test needs it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from sqlalchemy import create_engine, text

from plughub.testing.ports import free_port
from plughub.testing.quick import starts

_TIMEOUT = 60
_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "max_connections": "200", "timezone": "UTC"}


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
    """

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="plughub-pg-"))
        self._data = self._folder / "data"
        self.port = free_port()
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)

    @property
    def url(self) -> str:
        """URL of the server's own database."""
        return self._url("postgres")

    def start(self) -> None:
        """Make the folder on the first time, and start the server."""
        if not self._data.exists():
            self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8")
        settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options = f"-h 127.0.0.1 -p {self.port} -k {self._folder} {settings}"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self._folder / "log", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server.

        Args:
            mode: ``fast``, or ``immediate`` for a crash.
        """
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def remove(self) -> None:
        """Stop the server and remove its folder."""
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """Make an empty database.

        Returns:
            Its URL.
        """
        name = f"t{uuid.uuid4().hex}"
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def _run(self, command: str, *arguments: object) -> None:
        subprocess.run(
            [str(self._binaries / command), *map(str, arguments)],
            user=self._user,
            check=True,
            timeout=_TIMEOUT,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
