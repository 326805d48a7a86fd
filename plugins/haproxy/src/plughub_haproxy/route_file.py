"""Routes on disk, from which HAProxy starts: its map file, and a log of later changes.

Rewriting the map for each change would become slower with every route. A change therefore appends one line to
the log: a key and its value, or only the key of a deleted route. Everything here blocks.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MAP_NAME: Final = "routes.map"
MAX_LOG_BYTES: Final = 4 * 1024 * 1024


class RouteFile:
    """The map file and its log of changes. Several processes may use them at the same time."""

    def __init__(self, folder: Path) -> None:
        self._map = folder / MAP_NAME
        self._log = folder / "routes.log"
        self._lock = folder / "routes.lock"

    def append(self, key: str, value: str = "") -> bool:
        """Append a change to the log.

        Args:
            key: key of the route.
            value: value of the route; empty if it was deleted.

        Returns:
            Whether the log has grown so long that `write` should be called with all routes.
        """
        line = f"{key} {value}".rstrip() + "\n"
        with self._locked(), os.fdopen(_open(self._log, os.O_APPEND), "ab") as file:
            file.write(line.encode())
            return file.tell() > MAX_LOG_BYTES

    def write(self, routes: Mapping[str, str]) -> None:
        """Write all routes, given as values by key, and delete the log."""
        text = "".join(f"{key} {value}\n" for key, value in routes.items())
        with self._locked():
            new = self._map.with_suffix(".new")
            with os.fdopen(_open(new, os.O_TRUNC), "wb") as file:
                file.write(text.encode())
            new.replace(self._map)
            self._log.unlink(missing_ok=True)

    def read(self) -> dict[str, str]:
        """Return all routes as values by key."""
        with self._locked():
            routes: dict[str, str] = {}
            for line in [*_lines(self._map), *_lines(self._log)]:
                key, _, value = line.partition(" ")
                if value:
                    routes[key] = value
                else:
                    routes.pop(key, None)
            return routes

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with os.fdopen(_open(self._lock, 0), "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_CREAT | os.O_WRONLY | flags, 0o600)


def _lines(path: Path) -> list[str]:
    """Return the complete lines of a file; a line that a crash truncated has no newline and is ignored."""
    try:
        return path.read_text("ascii", "replace").split("\n")[:-1]
    except FileNotFoundError:
        return []
