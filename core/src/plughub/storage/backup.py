"""Copy of a SQLite database before it is changed."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
from datetime import datetime
from pathlib import Path

from plughub.storage.schema import sqlite_path


def back_up(url: str) -> Path | None:
    """Copy the file of a SQLite database beside it.

    Returns:
        The path of the copy; None if the database has no file.
    """
    path = sqlite_path(url)
    if path is None or not path.exists():
        return None
    copy = _new_file(path.with_name(f"{path.name}.{datetime.now().astimezone():%Y-%m-%d-%H%M%S}"))
    shutil.copymode(path, copy)
    # The backup includes the write-ahead log of SQLite, which a copy of the file would lack.
    with contextlib.closing(sqlite3.connect(path)) as now, contextlib.closing(sqlite3.connect(copy)) as then:
        now.backup(then)
    return copy


def _new_file(path: Path) -> Path:
    """Create an empty file that only its owner can read, with a number if the path is taken."""
    for number in itertools.count():
        place = path.with_name(f"{path.name}-{number}") if number else path
        with contextlib.suppress(FileExistsError):
            os.close(os.open(place, os.O_CREAT | os.O_EXCL, 0o600))
            return place
    raise AssertionError("itertools.count does not end")
