"""Each timing is defined in one table, with its reason: `plughub.domain.timings`, or ``timings.py`` of a
plugin.
"""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "core/src/plughub", *sorted(ROOT.glob("plugins/*/src/*"))]
FILES = [
    file
    for source in SOURCES
    for file in sorted(source.rglob("*.py"))
    if not {"testing", "versions"} & set(file.relative_to(source).parts)
]
TABLES = [file for file in FILES if file.name == "timings.py"]
UNITS = {"MINUTE", "HOUR", "DAY"}
TIMING = re.compile(r"_?([A-Z_]+_)?(SECONDS|BACKOFF|DAYS|LEASES|PAUSE|PATIENCE|TIMEOUT|GRACE)")
FEW = 3
"""So many timings of a plugin stand beside what they are for."""


def timings_in(file):
    """Return the constants of a module that are numbers or backoffs, with the statement after each."""
    body = ast.parse(file.read_text()).body
    for statement, after in pairwise([*body, None]):
        match statement:
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=value)
                | ast.Assign(targets=[ast.Name(id=name)], value=value)
            ) if value is not None and not isinstance(value, ast.Name):
                yield name, after


@pytest.mark.parametrize("table", TABLES, ids=lambda file: file.parent.parent.name)
def test_each_timing_of_a_table_has_its_reason(table):
    unexplained = [
        name
        for name, after in timings_in(table)
        if name not in UNITS and not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
    ]
    assert not unexplained


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_timings_are_defined_in_the_table(source):
    elsewhere = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in FILES
        if file.is_relative_to(source) and file not in TABLES
        for name, _ in timings_in(file)
        if TIMING.fullmatch(name)
    ]
    assert len(elsewhere) <= (0 if source.name == "plughub" else FEW), elsewhere
