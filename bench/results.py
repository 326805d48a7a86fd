"""Table, saved file and comparison of results."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.rows import Result, Row
from plughub import __version__

TOLERANCE = 0.1
"""Share by which a median may be worse: two runs on one machine differ by this much."""
ABSENT = "–"


def ratios(result: Result) -> list[float]:
    """Return the ratio of the first subject to the second in each run; empty without a second."""
    if len(result.values) < 2:
        return []
    ours, theirs = list(result.values.values())[:2]
    return [one / other for one, other in zip(ours, theirs, strict=False) if other]


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of a Markdown table of results with the same subjects."""
    names = list(results[0].values)
    has_ratio = len(names) > 1
    heads = [*names, *(["ratio", "ratios of the runs"] if has_ratio else ["values of the runs"])]
    yield f"| | unit | {' | '.join(heads)} |"
    yield f"|---|---{'|---' * len(heads)}|"
    for result in results:
        measured = ratios(result) if has_ratio else result.values[names[0]]
        spread = [f"{number(min(measured))} to {number(max(measured))}" if measured else ABSENT]
        ratio = [_median(measured)] if has_ratio else []
        cells = [*(_median(result.values[name]) for name in names), *ratio, *spread]
        yield f"| {result.row.title} | {result.row.unit} | {' | '.join(cells)} |"


def _median(values: Sequence[float]) -> str:
    return number(statistics.median(values)) if values else ABSENT


def number(value: float) -> str:
    """Return a value with three significant digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def save(path: Path, results: Sequence[Result], runs: int) -> None:
    """Write results and the facts that matter for a comparison to a JSON file."""
    rows = {
        each.row.name: {
            "title": each.row.title,
            "unit": each.row.unit,
            "more_is_better": each.row.more_is_better,
            "values": each.values,
        }
        for each in results
    }
    facts = {"plughub": __version__, "date": datetime.now(UTC).isoformat(timespec="seconds"), "runs": runs}
    path.write_text(json.dumps({**facts, "machine": machine(), "rows": rows}, indent=1) + "\n")


def load(path: Path) -> dict[str, Result]:
    """Read saved results, by name of their row."""
    rows: Mapping[str, Any] = json.loads(path.read_text())["rows"]
    return {
        name: Result(Row(name, each["title"], each["unit"], each["more_is_better"]), each["values"])
        for name, each in rows.items()
    }


def machine() -> dict[str, object]:
    """Return facts about this machine."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def regressions(before: Mapping[str, Result], now: Sequence[Result]) -> list[str]:
    """Return a line for each row that became worse by more than its spread and the tolerance.

    Ratios are compared where both results have them, because a busy machine affects both subjects.
    """
    found = []
    for result in now:
        name = result.row.name
        if name not in before:
            continue
        old, new = ratios(before[name]), ratios(result)
        if not (old and new):
            old, new = (next(iter(each.values.values()), []) for each in (before[name], result))
        if old and new and is_worse(old, new, more_is_better=result.row.more_is_better):
            was, is_now = number(statistics.median(old)), number(statistics.median(new))
            found.append(
                f"{name}: {was} ({number(min(old))} to {number(max(old))}) became "
                f"{is_now} ({number(min(new))} to {number(max(new))})"
            )
    return found


def is_worse(old: Sequence[float], new: Sequence[float], *, more_is_better: bool) -> bool:
    """Return whether all new values are worse than the old ones, and the median beyond the tolerance."""
    if more_is_better:
        return max(new) < min(old) and statistics.median(new) < statistics.median(old) * (1 - TOLERANCE)
    return min(new) > max(old) and statistics.median(new) > statistics.median(old) * (1 + TOLERANCE)
