"""Databases with the schema of a hub, for tests that need one and do not test how it is made."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import CreateEnginePlugin

from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema, sqlite_path

_PLUGIN: Final = "plughub_shared_statements"
_made: Final[list[bytes]] = []
_first: Final[list[Engine]] = []


class SharedStatements(CreateEnginePlugin):
    """Shares the cache of compiled statements among all engines for SQLite in this process.

    SQLAlchemy caches per engine and dialect. Every test has a database of its own and would compile all of
    its statements again, which takes a quarter of the time of tests.
    """

    def update_url(self, url: URL) -> URL:
        """Return the URL, which has no argument for this plugin."""
        return url

    def engine_created(self, engine: Engine) -> None:
        """Replace dialect and cache of a new engine by the shared ones."""
        if engine.dialect.name != "sqlite":
            return
        if not _first:
            _first.append(create_engine("sqlite://", query_cache_size=3000))
            _first[0].connect().close()  # completes the dialect
        engine.dialect = _first[0].dialect
        vars(engine)["_compiled_cache"] = vars(_first[0])["_compiled_cache"]


def open_database(url: str, **options: Any) -> Database:
    """Open a database for one test.

    Args:
        url: SQLAlchemy URL.
        options: more arguments of `sqlalchemy.create_engine`.

    Returns:
        The database; close it at the end.
    """
    if _PLUGIN not in plugins.impls:
        plugins.register(_PLUGIN, __name__, SharedStatements.__name__)
    database = Database(url, {"plugins": [_PLUGIN], **options})
    if database.engine.dialect.name == "sqlite":
        event.listen(database.engine, "connect", _without_waiting)
    return database


def _without_waiting(connection: sqlite3.Connection, _record: object) -> None:
    """Do not wait for the disk: no test loses power."""
    connection.execute("PRAGMA synchronous=OFF")


def prepare_database(url: str) -> None:
    """Create the schema in a database; new SQLite files are copies of the first one of this process.

    Args:
        url: SQLAlchemy URL.
    """
    path = sqlite_path(url)
    if path is None or path.exists() or not _made:
        new = path is not None and not path.exists()
        prepare_schema(url)
        if path is not None and new:
            _made.append(path.read_bytes())
    else:
        path.touch(0o600)
        path.write_bytes(_made[0])
