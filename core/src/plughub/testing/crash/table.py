"""The matrix as one table: steps down, databases, proxies and spawners across."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plughub.testing.crash.run import NOT_REACHED, Row

_WIDTH: Final = 11
_SIGNS: Final = {"": "ok", NOT_REACHED: "not reached"}


@dataclass(frozen=True, slots=True)
class Column:
    """On what the cases of one column ran.

    Attributes:
        database: kind of the database.
        proxy: plugin of the proxy.
        spawner: plugin of the spawner.
    """

    database: str
    proxy: str
    spawner: str

    def plain(self, step: str) -> str:
        """Name a step the same in each column.

        Args:
            step: as it was noted.

        Returns:
            The step, with ``proxy`` and ``spawner`` in place of the names of the plugins.
        """
        roles = {self.proxy: "proxy", self.spawner: "spawner"}
        head, *rest = step.split(" ")
        return " ".join(
            [head, *(roles.get(word, word) if head in {"before", "after"} else word for word in rest)]
        )


Rows = Mapping[Column, Sequence[Row]]


def lines_of(rows: Rows) -> Iterator[str]:
    """Write the table.

    Args:
        rows: of each column.

    Yields:
        Lines.
    """
    cells = {
        column: {(row.deed, column.plain(row.step)): row for row in of_column}
        for column, of_column in rows.items()
    }
    steps = list(_in_order(list(found) for found in cells.values()))
    wide = max([len(step) for _, step in steps], default=0) + 4
    yield from _head(rows, wide)
    deed = ""
    for key in steps:
        if key[0] != deed:
            deed = key[0]
            yield deed
        signs = "".join(f"{_sign(cells[column].get(key)):{_WIDTH}}" for column in rows)
        yield f"  {key[1]:{wide - 2}}{signs}".rstrip()
    yield ""
    yield from _faults(rows)
    yield _summary(rows, len(steps))


def brief_lines_of(rows: Rows) -> Iterator[str]:
    """Write the table with one line for each deed: how many of its steps were survived.

    Args:
        rows: of each column.

    Yields:
        Lines.
    """
    deeds = list(dict.fromkeys(row.deed for of_column in rows.values() for row in of_column))
    wide = max(map(len, deeds), default=0) + 2
    yield from _head(rows, wide)
    for deed in deeds:
        signs = [_brief([row for row in rows[column] if row.deed == deed and row.taken]) for column in rows]
        yield f"{deed:{wide}}{''.join(f'{sign:{_WIDTH}}' for sign in signs)}".rstrip()
    yield ""
    yield from _faults(rows)
    yield _summary(rows, len({(row.deed, c.plain(row.step)) for c, found in rows.items() for row in found}))


def faults_of(rows: Iterable[Row]) -> list[Row]:
    """Pick the cases after which something was wrong.

    Args:
        rows: of a column.

    Returns:
        Those rows.
    """
    return [row for row in rows if row.fault not in _SIGNS]


def _head(rows: Rows, wide: int) -> Iterator[str]:
    for part in ("spawner", "database", "proxy"):
        yield " " * wide + "".join(f"{getattr(column, part):{_WIDTH}}" for column in rows).rstrip()


def _brief(rows: Sequence[Row]) -> str:
    reached = [row for row in rows if row.fault != NOT_REACHED]
    if not reached:
        return "-"
    faults = len(faults_of(reached))
    return f"{faults} FAULTS" if faults else f"{len(reached)} ok"


def _in_order(lists: Iterable[list[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    """Put steps of all columns in one order: one that only a later column has follows the one before it."""
    merged: list[tuple[str, str]] = []
    for found in lists:
        at = 0
        for key in found:
            if key in merged:
                at = merged.index(key) + 1
            else:
                merged.insert(at, key)
                at += 1
    yield from merged


def _sign(row: Row | None) -> str:
    if row is None:
        return "-"
    return _SIGNS.get(row.fault, "FAULT") if row.taken else ""


def _faults(rows: Rows) -> Iterator[str]:
    for column, of_column in rows.items():
        for row in faults_of(of_column):
            where = f"{column.spawner}, {column.database}, {column.proxy}"
            yield f"FAULT: {row.deed}, killed at {row.step!r} ({where}): {row.fault}"


def _summary(rows: Rows, steps: int) -> str:
    every = [row for of_column in rows.values() for row in of_column if row.taken]
    missed = sum(row.fault == NOT_REACHED for row in every)
    faults = len(faults_of(every))
    ok = len(every) - missed - faults
    return f"{steps} steps, {len(every)} kills: {ok} ok, {missed} not reached, {faults} faults"
