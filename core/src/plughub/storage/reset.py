"""Reset of a database: everything of the hub is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.engine import make_url

from plughub.domain.audit import AuditEntry
from plughub.domain.errors import RETRY, StartError
from plughub.storage.audit import Audit
from plughub.storage.backup import back_up
from plughub.storage.database_users import refuse_running_hub
from plughub.storage.schema import make_schema, schema_work, sqlite_path, state_of
from plughub.storage.tables import metadata

_VERSION: Final = "alembic_version"
_RUNNING: Final = {
    "plughub_servers": "SELECT count(*) FROM plughub_servers WHERE status <> 'stopped'",
    "spawners": "SELECT count(*) FROM spawners WHERE server_id IS NOT NULL",
}
"""Counts of servers that are not stopped, by table: of this hub, or of a JupyterHub before its upgrade."""


@dataclass(frozen=True, slots=True)
class DatabaseContents:
    """What a reset deletes.

    Attributes:
        shown: URL of the database without its password.
        users: number of users.
        servers: number of servers that are not stopped.
        mark: identifies the hub whose database this is; empty for a JupyterHub.
    """

    shown: str
    users: int
    servers: int
    mark: str


def reset_schema(
    url: str,
    options: Mapping[str, Any] | None,
    confirm: Callable[[DatabaseContents], None],
    entries: Callable[[Path | None], Iterable[AuditEntry]],
) -> tuple[DatabaseContents, Path | None] | None:
    """Delete everything of the hub, after a copy of a SQLite file, and create an empty schema.

    Tables of other programs in the same database remain.

    Args:
        url: SQLAlchemy URL.
        options: more arguments of `sqlalchemy.create_engine`.
        confirm: is called with the contents, and raises an error if they may not be deleted.
        entries: returns the first lines of the new audit trail; is called with the path of the copy.

    Returns:
        What was deleted, and the path of the copy if one was made; None for an empty database.

    Raises:
        StartError: the database is unreachable, in use, or not that of a hub; nothing was changed.
    """
    with schema_work(url, options) as connection:
        if state_of(connection).revision is None:
            return None
        _refuse_others(connection, url)
        contents = _contents(connection, url)
    confirm(contents)
    with schema_work(url, options) as connection:
        _refuse_others(connection, url)
        if _mark(connection, inspect(connection)) != contents.mark:
            raise StartError(f"another process has just reset the database {contents.shown}", exit_code=RETRY)
        copy = back_up(url)
        metadata.drop_all(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {_VERSION}"))
        make_schema(connection)
        Audit(connection).add(list(entries(copy)))
    return contents, copy


def _refuse_others(connection: Connection, url: str) -> None:
    if not inspect(connection).has_table(_VERSION):
        raise StartError(
            "the database has a table users, but is not that of a hub (JupyterHub.db_url)",
            hint="only the database of a hub can be reset; name the right one, or delete the tables yourself",
        )
    refuse_running_hub(connection, sqlite_path(url), then="start the hub again with --reset-db")


def _contents(connection: Connection, url: str) -> DatabaseContents:
    look = inspect(connection)
    query = next((query for table, query in _RUNNING.items() if look.has_table(table)), "SELECT 0")
    return DatabaseContents(
        shown=make_url(url).render_as_string(hide_password=True),
        users=connection.scalar(text("SELECT count(*) FROM users")) or 0,
        servers=connection.scalar(text(query)) or 0,
        mark=_mark(connection, look),
    )


def _mark(connection: Connection, look: Inspector) -> str:
    """Return the mark of the hub, which a new database does not have before the hub has started with it."""
    if not look.has_table("plughub_settings"):
        return ""
    return connection.scalar(text("SELECT value FROM plughub_settings WHERE name = 'mark'")) or ""
