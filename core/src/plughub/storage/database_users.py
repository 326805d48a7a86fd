"""Detection of hub processes that use a database, whose schema must not change under them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from plughub.domain.errors import RETRY, StartError
from plughub.domain.timings import DATABASE_USER_SECONDS, ENDING_SESSION_POLL_SECONDS, ENDING_SESSION_SECONDS

_SESSIONS: Final = text("""
    SELECT pid, application_name, usename, client_addr FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL
    AND application_name <> current_setting('application_name')
    AND coalesce(backend_type, 'client backend') = 'client backend' ORDER BY pid
""")
_LOOK_AGAIN: Final = text("SELECT pg_stat_clear_snapshot()")
"""PostgreSQL caches these statistics within a transaction."""


def refuse_running_hub(connection: Connection, file: Path | None, *, then: str) -> None:
    """Refuse to change the schema of a database that a hub uses.

    Args:
        connection: connection to it.
        file: file of SQLite; None for a database server.
        then: what to do after these programs were stopped.

    Raises:
        StartError: a process has the file open, a hub process has a recent heartbeat, or a program is
            connected to a database without tables of this hub.
    """
    users = _with_open(file) if file is not None else _on_server(connection)
    if users:
        raise StartError(
            f"the database is in use by {users}",
            hint=f"stop these programs, then {then}",
            exit_code=RETRY,
        )


def _with_open(file: Path) -> str:
    """Return the processes that have a file open, as far as this system user may see them (Linux)."""
    found = []
    wanted = os.path.realpath(file)
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            if any(os.readlink(link) == wanted for link in (folder / "fd").iterdir()):  # noqa: PTH115 - many
                found.append(f"process {folder.name} ({(folder / 'comm').read_text().strip()})")
        except OSError:
            continue
    return ", ".join(found)


def _on_server(connection: Connection) -> str:
    look = inspect(connection)
    return _with_heartbeat(connection) if look.has_table("plughub_hubs") else _with_session(connection)


def _with_session(connection: Connection) -> str:
    """Return the connected programs, because JupyterHub stores no heartbeats.

    Programs with the application name of this process are skipped. PostgreSQL shows the addresses of sessions
    of other users to superusers only.
    """
    ends = time.monotonic() + ENDING_SESSION_SECONDS
    while (found := connection.execute(_SESSIONS).all()) and time.monotonic() < ends:
        time.sleep(ENDING_SESSION_POLL_SECONDS)
        connection.execute(_LOOK_AGAIN)
    return ", ".join(
        f"{row.application_name or 'a program'} of database user {row.usename}"
        f"{f' from {row.client_addr}' if row.client_addr else ''} (session {row.pid})"
        for row in found
    )


def _with_heartbeat(connection: Connection) -> str:
    # Literal SQL, because the table has other columns in other revisions.
    rows = connection.execute(
        text(
            "SELECT host, pid FROM plughub_hubs WHERE seen > extract(epoch FROM clock_timestamp()) - :alive"
        ),
        {"alive": DATABASE_USER_SECONDS},
    )
    return ", ".join(f"process {row.pid} on {row.host}" for row in rows)
