"""Who else uses a database: its schema is not changed under a hub that runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from plughub.domain.errors import RETRY, StartError

ALIVE_SECONDS: Final = 30
"""A process that gave no sign of life for so long is gone."""


def refuse_running_hub(connection: Connection, file: Path | None) -> None:
    """Refuse to work on the schema of a database that a hub uses.

    Args:
        connection: to it.
        file: of SQLite; None for a server.

    Raises:
        StartError: a process has the file open, or a hub gave a sign of life lately.
    """
    who = _with_open(file) if file is not None else _with_heartbeat(connection)
    if who:
        raise StartError(
            f"the database is in use by {who}",
            hint="end every hub that uses it, then run again: hub upgrade-db",
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


def _with_heartbeat(connection: Connection) -> str:
    if not inspect(connection).has_table("plughub_hubs"):
        return ""
    # Written out: the table has other columns in another revision.
    rows = connection.execute(
        text(
            "SELECT host, pid FROM plughub_hubs WHERE seen > extract(epoch FROM clock_timestamp()) - :alive"
        ),
        {"alive": ALIVE_SECONDS},
    )
    return ", ".join(f"process {row.pid} on {row.host}" for row in rows)
