"""Counter of the commits to a database file, which an idle process reads instead of the database."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import cast

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool


class CommitCounter:
    """Counter of the commits of all processes and connections to a SQLite file.

    Other databases have none: PostgreSQL could announce commits (``NOTIFY``), but takes a lock for that
    which makes all commits of the server wait for each other.

    Args:
        engine: engine of the database.

    Source:
        ``PRAGMA data_version``: the number differs when another connection has committed since.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # A database in memory has one connection, which does not notice its own commits.
        self._has_versions = engine.dialect.name == "sqlite" and not isinstance(engine.pool, StaticPool)
        self._connection: sqlite3.Connection | None = None

    def version(self) -> int | None:
        """Return a number that differs after a commit; None if unknown, or before `open`.

        It does not block: SQLite keeps the number in memory that its processes share, and this connection
        waits for no lock.
        """
        if self._connection is None:
            return None
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            self.close()
            return None  # so that the caller does not compare numbers of two connections
        return cast("int", version)

    def open(self) -> None:
        """Open the connection unless it is open; without one, there are no numbers. Blocks."""
        if self._has_versions and self._connection is None:
            with contextlib.suppress(sqlite3.Error, SQLAlchemyError):
                self._connection = self._connect()

    def close(self) -> None:
        """Close the connection. Numbers of the next one cannot be compared with those of this one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        connection = cast("sqlite3.Connection", pooled.driver_connection)
        pooled.detach()  # the pool stays complete
        connection.execute("PRAGMA busy_timeout = 0")
        return connection
