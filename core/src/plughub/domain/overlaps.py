"""Overlaps of successive snapshots of a growing list whose beginning is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

_END: Final = object()


def overlap(seen: Sequence[object], now: Sequence[object]) -> int:
    """Return the length of the longest beginning of `now` that is an end of `seen`. Takes linear time."""
    # The prefix function of Knuth, Morris and Pratt.
    lengths = [0] * len(now)
    length = 0
    for position, item in enumerate(chain(now[1:], (_END,), seen), start=1):
        while length and (length == len(now) or now[length] != item):
            length = lengths[length - 1]
        if length < len(now) and now[length] == item:
            length += 1
        if position < len(now):
            lengths[position] = length
    return length if now else 0
