"""Log lines of servers as they are shown: one line each, without secrets and control characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final

from plughub.domain.secrets import scrub

LONGEST_LINE: Final = 2000
"""Characters of a line that are shown."""
_LONGEST_READ: Final = 4 * LONGEST_LINE
_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
"""Escape sequences of terminals, such as colours and titles: ECMA-48, sections 5.3 to 5.6."""


def shown_line(line: str) -> str:
    """Return a line for display: the last state of a progress bar, without colours, secrets and control
    characters, cut if it is very long.
    """
    last = line.rstrip("\r\n").rpartition("\r")[2][:_LONGEST_READ]
    if not last.isprintable():
        last = _ESCAPE.sub("", last)
        last = "".join(sign for sign in last if sign == "\t" or sign.isprintable())
    text = scrub(last)
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def within(lines: Sequence[str], characters: int) -> tuple[str, ...]:
    """Return the last lines that together have at most so many characters."""
    room = characters

    def fits(line: str) -> bool:
        nonlocal room
        room -= len(line) + 1
        return room >= 0

    return tuple(reversed(list(takewhile(fits, reversed(lines)))))


def shown_lines(lines: Iterable[str], characters: int) -> tuple[str, ...]:
    """Return lines for display, the last ones that together have at most so many characters."""
    return within([shown_line(line) for line in lines], characters)
