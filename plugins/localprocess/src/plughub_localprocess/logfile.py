"""Log of a server, in a file of limited size."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Final

from plughub.names import unique_name

BLOCK: Final = 64 * 1024
MOST_BYTES_READ: Final = 1024 * 1024
LONGEST_LINE: Final = 2000
"""Maximum number of characters of a displayed line."""


class LogFile:
    """Log of one server, readable by the hub only.

    Args:
        path: path of the file.
        limit: bytes above which the older half of the file is dropped.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.limit = limit

    def open_new(self) -> int:
        """Empty the log for a new start, and return a descriptor that appends, even after a cut."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        return descriptor

    def shrink(self) -> None:
        """Drop the older half of the file if it is too long. Lines written meanwhile may be lost."""
        try:
            if self.path.stat().st_size <= self.limit:
                return
            with self.path.open("rb+", buffering=0) as log:
                size = log.seek(0, os.SEEK_END)
                if size <= self.limit:
                    return
                log.seek(size - self.limit // 2)
                newer = log.read(self.limit // 2)
                log.truncate(0)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        with open(descriptor, "wb") as log:  # noqa: PTH123 - opened above, without following links
            log.write(newer.partition(b"\n")[2] or newer)

    def tail(self, lines: int) -> list[str]:
        """Return the last lines, oldest first; invalid UTF-8 is replaced, long lines are truncated."""
        if lines <= 0:
            return []
        try:
            text = self._last_bytes(lines)
        except FileNotFoundError:
            return []
        return [_shown(line) for line in text.split(b"\n")[-lines:]] if text else []

    def _last_bytes(self, lines: int) -> bytes:
        blocks: deque[bytes] = deque()
        newlines = read = 0
        with self.path.open("rb") as log:
            position = log.seek(0, os.SEEK_END)
            while position > 0 and newlines <= lines and read < MOST_BYTES_READ:
                step = min(BLOCK, position)
                position -= step
                log.seek(position)
                blocks.appendleft(log.read(step))
                newlines += blocks[0].count(b"\n")
                read += step
        return b"".join(blocks).rstrip(b"\n")


def log_path(folder: Path, user: str, server: str) -> Path:
    """Return the path of the log of a server in the plugin's folder."""
    return folder / "logs" / f"{unique_name(user, server, max_length=200)}.log"


def _shown(line: bytes) -> str:
    """Clean a line for display: last state of a progress bar, no control characters, limited length."""
    last = line.rstrip(b"\r").rpartition(b"\r")[2]
    text = last[: LONGEST_LINE * 4].decode(errors="replace")
    clean = "".join(sign for sign in text if sign == "\t" or sign.isprintable())
    return clean if len(clean) <= LONGEST_LINE else clean[:LONGEST_LINE] + "…"
