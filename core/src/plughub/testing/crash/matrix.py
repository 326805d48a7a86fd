"""The crash matrix: the hub is killed at every step of every action, on each database with each proxy.

``python -m plughub.testing.crash.matrix [--databases sqlite,postgresql] [--proxies haproxy,chp]
[--spawners simple,docker] [--actions start,stop] [--every 1] [--brief]``

The table is written to standard output, progress to standard error. The exit code is 1 when a fault was
found, 2 when the matrix could not run.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from plughub.domain.errors import StartError
from plughub.testing.crash.actions import ACTIONS
from plughub.testing.crash.run import Row, run_matrix
from plughub.testing.crash.spawner_inspectors import Processes, inspector_named
from plughub.testing.crash.table import Column, brief_lines_of, faults_of, lines_of
from plughub.testing.postgresql import PostgresServer, postgresql_binaries


@contextlib.contextmanager
def databases(names: Sequence[str], folder: Path) -> Iterator[Mapping[str, str]]:
    """Provide empty databases.

    Args:
        names: ``sqlite`` and ``postgresql``.
        folder: for SQLite's file.

    Yields:
        URLs by name, without PostgreSQL when it is not installed.
    """
    urls = {"sqlite": f"sqlite:///{folder}/hub.sqlite"}
    binaries = postgresql_binaries() if "postgresql" in names else None
    server = PostgresServer(binaries) if binaries else None
    if server:
        server.start()
        urls["postgresql"] = server.new_database()
    try:
        yield {name: urls[name] for name in names if name in urls}
    finally:
        if server:
            server.remove()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix and print it as one table.

    Args:
        arguments: of the command line; those of this process when None.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    rows: dict[Column, list[Row]] = {}
    try:
        for spawner, database, proxy in product(options.spawners, options.databases, options.proxies):
            column = Column(database, proxy, spawner)
            rows[column] = list(_cases(column, options.actions, options.every))
    except (StartError, AssertionError) as error:
        sys.stderr.write(f"the matrix could not be run: {error}\n")
        return 2
    table = brief_lines_of if options.brief else lines_of
    sys.stdout.writelines(f"{line}\n" for line in table(rows))
    return int(any(map(faults_of, rows.values())))


def _cases(column: Column, actions: Sequence[str], every: int) -> Iterator[Row]:
    inspector = inspector_named(column.spawner)
    with tempfile.TemporaryDirectory() as name, databases([column.database], Path(name)) as urls:
        if column.database not in urls:
            raise StartError(f"the database {column.database!r} is not installed here")
        for row in run_matrix(
            Path(name), urls[column.database], column.proxy, inspector, every=every, actions=actions
        ):
            if row.taken:
                where = f"{column.spawner} {column.database} {column.proxy}"
                sys.stderr.write(f"{where}: {row.action}, {row.step}: {row.fault or 'ok'}\n")
            yield row


def _parser() -> argparse.ArgumentParser:
    def names(text: str) -> list[str]:
        return [name.strip() for name in text.split(",") if name.strip()]

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--databases", type=names, default=["sqlite", "postgresql"])
    parser.add_argument("--proxies", type=names, default=["haproxy", "chp"])
    parser.add_argument("--spawners", type=names, default=[Processes.plugin])
    parser.add_argument("--actions", type=names, default=list(ACTIONS), help="names; default: all")
    parser.add_argument("--every", type=int, default=1, help="use every Nth step only")
    parser.add_argument("--brief", action="store_true", help="print one line for each action")
    return parser


if __name__ == "__main__":
    sys.exit(main())
