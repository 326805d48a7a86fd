"""Standard streams that ignore write errors, for a hub that outlives its terminal."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, Final, TextIO

OUT: Final = 1
ERR: Final = 2


class _TolerantStream(io.FileIO):
    """Stream that drops data it cannot write, because its terminal or pipe is closed or its disk is full."""

    lost = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            self.lost = True
            return memoryview(data).nbytes


def ignore_write_errors() -> None:
    """Ignore failing writes to standard output and error, so that they stop neither the hub nor a plugin.

    A closed standard stream is redirected to the null device, so that no file of the hub gets its number.
    """
    for number in range(ERR + 1):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor, which is this one
    sys.stdout = _tolerant(OUT, sys.stdout)
    sys.stderr = _tolerant(ERR, sys.stderr)


def is_output_lost() -> bool:
    """Return whether data printed to standard output could not be written."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _TolerantStream) and raw.lost


def _tolerant(number: int, like: TextIO | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_TolerantStream(number, "w", closefd=False)),
        encoding=like.encoding if like else "utf-8",
        errors=like.errors if like else "backslashreplace",
        line_buffering=number == ERR or os.isatty(number),
    )
