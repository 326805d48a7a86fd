"""Folders whose file systems must not become full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plughub.app.config import JupyterHub
from plughub.services.insight.machine import HOMES
from plughub.storage.database import is_in_memory
from plughub.storage.schema import sqlite_path


def watched_folders(hub: JupyterHub, runtime_dir: Path) -> tuple[Path, ...]:
    """Return the folders of the database and of the files of the hub, and the home folders of users.

    Args:
        hub: settings of the hub.
        runtime_dir: folder for sockets, logs and generated files.
    """
    return tuple(_folders(hub, runtime_dir))


def _folders(hub: JupyterHub, runtime_dir: Path) -> Iterator[Path]:
    if not is_in_memory(hub.db_url) and (path := sqlite_path(hub.db_url)) is not None:
        yield path.absolute().parent
    yield runtime_dir.absolute()
    yield HOMES
