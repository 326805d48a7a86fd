"""Who else uses a database: its schema is not changed under a hub that runs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from plughub.domain.errors import RETRY, StartError

ALIVE_SECONDS: Final = 30
"""A process that gave no sign of life for so long is gone."""
ENDING_SECONDS: Final = 2.0
"""PostgreSQL shows a session for a moment after its program has left."""
_LOOK: Final = 0.1

_SESSIONS: Final = text("""
    SELECT pid, application_name, usename, client_addr FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL
    AND application_name <> current_setting('application_name')
    AND coalesce(backend_type, 'client backend') = 'client backend' ORDER BY pid
""")
_LOOK_AGAIN: Final = text("SELECT pg_stat_clear_snapshot()")
"""Within a transaction PostgreSQL answers what it has seen first."""


def refuse_running_hub(connection: Connection, file: Path | None) -> None:
    """Refuse to work on the schema of a database that a hub uses.

    Args:
        connection: to it.
        file: of SQLite; None for a server.

    Raises:
        StartError: a process has the file open, a hub gave a sign of life lately, or a program is connected
            to a database that is JupyterHub's alone so far.
    """
    who = _with_open(file) if file is not None else _on_server(connection)
    if who:
        raise StartError(
            f"the database is in use by {who}",
            hint="end every hub that uses it, and whatever else is named; then run again: hub upgrade-db",
            exit_code=RETRY,
        )


def _with_open(file: Path) -> str:
    """Name the processes that have a file open, as far as this user may see it (Linux)."""
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
    """Name the programs that are connected: JupyterHub leaves no sign of life in its tables.

    Those that wait to do the same as this process are not counted. Of sessions of other users PostgreSQL
    shows the address to a superuser alone.
    """
    ends = time.monotonic() + ENDING_SECONDS
    while (found := connection.execute(_SESSIONS).all()) and time.monotonic() < ends:
        time.sleep(_LOOK)
        connection.execute(_LOOK_AGAIN)
    return ", ".join(
        f"{row.application_name or 'a program'} of database user {row.usename}"
        f"{f' from {row.client_addr}' if row.client_addr else ''} (session {row.pid})"
        for row in found
    )


def _with_heartbeat(connection: Connection) -> str:
    # Written out: the table has other columns in another revision.
    rows = connection.execute(
        text(
            "SELECT host, pid FROM plughub_hubs WHERE seen > extract(epoch FROM clock_timestamp()) - :alive"
        ),
        {"alive": ALIVE_SECONDS},
    )
    return ", ".join(f"process {row.pid} on {row.host}" for row in rows)
