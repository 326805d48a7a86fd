"""The command ``python -m bench``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import (
    console,
    containers,
    free_servers,
    hub_rows,
    line_rows,
    lists,
    memory,
    proxy_rows,
    several_hubs,
)
from bench.results import load, machine, regressions, save, table
from bench.rows import Options, Result, select, take

PARTS = [
    *(module.PART for module in (hub_rows, free_servers, proxy_rows, line_rows, lists, console)),
    *(module.PART for module in (memory, containers, several_hubs)),
    free_servers.SIZES,
]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    default = Options()
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure plughub, beside JupyterHub and configurable-http-proxy if they are given.",
    )
    parser.add_argument("--jupyterhub", default="", metavar="COMMAND", help="JupyterHub, to compare with")
    parser.add_argument(
        "--chp", default="", metavar="COMMAND", help="configurable-http-proxy, to compare with"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="names of rows or parts")
    parser.add_argument("--runs", type=int, default=default.runs, help="how often each row is measured")
    parser.add_argument("--list", action="store_true", help="print the names of all rows and parts")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the results to a JSON file")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="show what is worse than saved results; then exit with 1"
    )
    parser.add_argument("--servers", type=int, default=default.servers, help="servers of rows with many")
    parser.add_argument("--users", type=int, default=default.users, help="users of long lists")
    parser.add_argument("--websockets", type=int, default=default.websockets, help="idle websockets")
    parser.add_argument("--db", default="", metavar="URL", help="an empty database for long lists")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and return the exit code."""
    given = vars(parse(sys.argv[1:] if arguments is None else arguments))
    only, listed = given.pop("only"), given.pop("list")
    saved, compared = given.pop("save"), given.pop("compare")
    options = Options(**given)
    if listed:
        print_names(options)
        return 0
    before = load(compared) if compared else {}
    begin, results = time.monotonic(), list[Result]()
    chosen = select(PARTS, options, only)
    for part in PARTS:
        if part.name in chosen:
            of_part = take(part, chosen[part.name], options)
            results += of_part
            print(f"\n### {part.name}\n", *table(of_part), sep="\n", flush=True)
    if saved:
        save(saved, results, options.runs)
    facts = ", ".join(f"{name} {value}" for name, value in machine().items())
    print(f"\n{time.monotonic() - begin:.0f} s; medians of {options.runs} runs; {facts}")
    worse = regressions(before, results)
    if compared:
        print("\nWorse than before, beyond the spread of the runs:" if worse else "\nNothing is worse.")
        print(*worse, sep="\n")
    return 1 if worse else 0


def print_names(options: Options) -> None:
    """Print the parts with their rows."""
    for part in PARTS:
        print(part.name + ("" if part.by_default else " (only if named)"))
        for measurement in part.measurements(options):
            for row in measurement.rows:
                print(f"    {row.name:16} {row.title}, {row.unit}")


if __name__ == "__main__":
    sys.exit(main())
