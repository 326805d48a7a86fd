"""What a server writes, kept in a file that never grows without bound."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Final

BLOCK: Final = 64 * 1024
MOST_BYTES_READ: Final = 1024 * 1024
LONGEST_LINE: Final = 2000
"""Characters of a line that are shown."""


class LogFile:
    """The log of one server, private to the hub.

    Args:
        path: the file.
        limit: bytes; when the file is longer, its older half is dropped.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.limit = limit

    def open_new(self) -> int:
        """Begin the log of a new start.

        Returns:
            A descriptor for appending, of which every write lands at the end, also after a cut.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        return descriptor

    def shrink(self) -> None:
        """Cut the file to its newer half when it is too long. What is written meanwhile may get lost."""
        try:
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
        """Read the last lines, from the end.

        Args:
            lines: how many at most.

        Returns:
            The lines, oldest first; what is no UTF-8 is replaced, long lines are cut.
        """
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


def _shown(line: bytes) -> str:
    """Make a line fit to be shown: the last state of a progress bar, no control characters, not too long."""
    last = line.rstrip(b"\r").rpartition(b"\r")[2]
    text = last[: LONGEST_LINE * 4].decode(errors="replace")
    clean = "".join(sign for sign in text if sign == "\t" or sign.isprintable())
    return clean if len(clean) <= LONGEST_LINE else clean[:LONGEST_LINE] + "…"
