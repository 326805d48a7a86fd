"""The matrix as one table: a row for each step, a column for each spawner, database and proxy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plughub.testing.crash.run import NOT_REACHED, Row

_WIDTH: Final = 11
_SIGNS: Final = {"": "ok", NOT_REACHED: "not reached"}


@dataclass(frozen=True, slots=True)
class Column:
    """The combination that one column tested.

    Attributes:
        database: kind of the database.
        proxy: plugin of the proxy.
        spawner: plugin of the spawner.
    """

    database: str
    proxy: str
    spawner: str

    def plain(self, step: str) -> str:
        """Return the name of a step without names of plugins.

        Args:
            step: as recorded.

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
    """Format the table.

    Args:
        rows: of each column.

    Yields:
        Lines.
    """
    cells = {
        column: {(row.action, column.plain(row.step)): row for row in of_column}
        for column, of_column in rows.items()
    }
    steps = list(_in_order(list(found) for found in cells.values()))
    width = max([len(step) for _, step in steps], default=0) + 4
    yield from _head(rows, width)
    action = ""
    for key in steps:
        if key[0] != action:
            action = key[0]
            yield action
        signs = "".join(f"{_sign(cells[column].get(key)):{_WIDTH}}" for column in rows)
        yield f"  {key[1]:{width - 2}}{signs}".rstrip()
    yield ""
    yield from _faults(rows)
    yield _summary(rows, len(steps))


def brief_lines_of(rows: Rows) -> Iterator[str]:
    """Format the table with one line for each action and the number of steps that passed.

    Args:
        rows: of each column.

    Yields:
        Lines.
    """
    actions = list(dict.fromkeys(row.action for of_column in rows.values() for row in of_column))
    width = max(map(len, actions), default=0) + 2
    yield from _head(rows, width)
    for action in actions:
        signs = [
            _brief([row for row in rows[column] if row.action == action and row.taken]) for column in rows
        ]
        yield f"{action:{width}}{''.join(f'{sign:{_WIDTH}}' for sign in signs)}".rstrip()
    yield ""
    yield from _faults(rows)
    yield _summary(rows, len({(row.action, c.plain(row.step)) for c, found in rows.items() for row in found}))


def faults_of(rows: Iterable[Row]) -> list[Row]:
    """Return the cases with a fault.

    Args:
        rows: of a column.

    Returns:
        The rows with a fault.
    """
    return [row for row in rows if row.fault not in _SIGNS]


def _head(rows: Rows, width: int) -> Iterator[str]:
    for part in ("spawner", "database", "proxy"):
        yield " " * width + "".join(f"{getattr(column, part):{_WIDTH}}" for column in rows).rstrip()


def _brief(rows: Sequence[Row]) -> str:
    reached = [row for row in rows if row.fault != NOT_REACHED]
    if not reached:
        return "-"
    faults = len(faults_of(reached))
    return f"{faults} FAULTS" if faults else f"{len(reached)} ok"


def _in_order(lists: Iterable[list[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    """Merge the steps of all columns into one order."""
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
            yield f"FAULT: {row.action}, killed at {row.step!r} ({where}): {row.fault}"


def _summary(rows: Rows, steps: int) -> str:
    every = [row for of_column in rows.values() for row in of_column if row.taken]
    missed = sum(row.fault == NOT_REACHED for row in every)
    faults = len(faults_of(every))
    ok = len(every) - missed - faults
    return f"{steps} steps, {len(every)} kills: {ok} ok, {missed} not reached, {faults} faults"
