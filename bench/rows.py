"""What the command measures: parts, which contain measurements, which fill rows of the table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

Value = float | None
"""A measured value; None if the subject cannot do what the row measures."""


@dataclass(frozen=True)
class Options:
    """Options of the command.

    Attributes:
        jupyterhub: command of JupyterHub; empty to measure without it.
        chp: command of configurable-http-proxy; empty to measure without it.
        runs: how often each measurement is repeated.
        servers: running servers in the rows that have many.
        users: users in the parts with long lists.
        websockets: idle websockets.
        db: URL of an empty database for the parts with long lists; empty for a SQLite file.
    """

    jupyterhub: str = ""
    chp: str = ""
    runs: int = 3
    servers: int = 100
    users: int = 50_000
    websockets: int = 10_000
    db: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: for the command line and saved files.
        title: for people.
        unit: of the values.
        more_is_better: True for throughput, False for cost.
    """

    name: str
    title: str
    unit: str
    more_is_better: bool = False


@dataclass(frozen=True)
class Measurement:
    """A measurement of one subject.

    Attributes:
        rows: the rows that it fills.
        measure: takes the subject and returns one value for each row, in order.
        once: measured in the first run only, because it takes long or varies little.
    """

    rows: tuple[Row, ...]
    measure: Callable[[Any], Sequence[Value]]
    once: bool = False


@dataclass(frozen=True)
class Part:
    """Measurements that share their subjects.

    Attributes:
        name: for the command line.
        subjects: returns a context manager for each subject that the options name, ours first.
        measurements: returns the measurements, in order.
        by_default: measured unless the command line names other rows.
    """

    name: str
    subjects: Callable[[Options], Mapping[str, AbstractContextManager[Any]]]
    measurements: Callable[[Options], Sequence[Measurement]]
    by_default: bool = True


@dataclass
class Result:
    """Values of a row, by subject: one for each run."""

    row: Row
    values: dict[str, list[float]]


def select(parts: Sequence[Part], options: Options, names: Sequence[str]) -> dict[str, list[Measurement]]:
    """Return the measurements to take, by name of their part.

    Args:
        parts: all parts.
        options: of the command.
        names: names of rows and parts; empty for the default parts.

    Raises:
        SystemExit: a name is unknown.
    """
    unknown, chosen = set(names), dict[str, list[Measurement]]()
    for part in parts:
        whole = part.name in names or (part.by_default and not names)
        unknown.discard(part.name)
        for measurement in part.measurements(options):
            rows = {row.name for row in measurement.rows}
            if whole or rows & set(names):
                chosen.setdefault(part.name, []).append(measurement)
            unknown -= rows
    if unknown:
        sys.exit(f"unknown rows: {', '.join(sorted(unknown))}; --list shows all")
    return chosen


def take(part: Part, measurements: Sequence[Measurement], options: Options) -> list[Result]:
    """Take the measurements of a part, alternating between its subjects.

    All subjects run during the whole part, so that each is measured beside the same idle neighbours, and the
    values of a run are seconds apart.
    """
    results = {row.name: Result(row, {}) for each in measurements for row in each.rows}
    with ExitStack() as stack:
        subjects = {name: stack.enter_context(subject) for name, subject in part.subjects(options).items()}
        for result in results.values():
            result.values = {name: [] for name in subjects}
        for run in range(options.runs):
            order = list(subjects)[:: -1 if run % 2 else 1]
            for measurement in measurements:
                if run and measurement.once:
                    continue
                for name in order:
                    told = ", ".join(row.name for row in measurement.rows)
                    print(f"run {run + 1} of {options.runs}: {name}: {told}", file=sys.stderr, flush=True)
                    values = measurement.measure(subjects[name])
                    for row, value in zip(measurement.rows, values, strict=True):
                        if value is not None:
                            results[row.name].values[name].append(value)
    return list(results.values())
