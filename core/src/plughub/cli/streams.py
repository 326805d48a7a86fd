"""Standard streams of a hub that outlives its terminal."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, Final, TextIO

OUT: Final = 1
ERR: Final = 2


class _Lenient(io.FileIO):
    """A stream that drops what cannot be written: its terminal or pipe is closed, or its disk is full."""

    lost = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            self.lost = True
            return memoryview(data).nbytes


def outlive_terminal() -> None:
    """Have no failing write to standard output or error stop the hub or one of its plugins.

    A stream that is closed leads to nowhere from now on: no file of the hub gets its number.
    """
    for number in range(ERR + 1):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = _lenient(OUT, sys.stdout)
    sys.stderr = _lenient(ERR, sys.stderr)


def is_output_lost() -> bool:
    """Tell whether something that was printed could not be written."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Lenient) and raw.lost


def _lenient(number: int, like: TextIO | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_Lenient(number, "w", closefd=False)),
        encoding=like.encoding if like else "utf-8",
        errors=like.errors if like else "backslashreplace",
        line_buffering=number == ERR or os.isatty(number),
    )
