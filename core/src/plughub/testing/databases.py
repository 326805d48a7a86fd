"""Databases with the schema of a hub, for tests that need one and do not test how it is made."""

from __future__ import annotations

from typing import Final

from plughub.storage.schema import prepare_schema, sqlite_path

_made: Final[list[bytes]] = []


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
