"""Reads of an existing database that create and change no file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from plughub.domain.hub_processes import HubProcess
from plughub.storage.schema import SchemaState, schema_work, sqlite_path, state_of, unreachable
from plughub.storage.store import Transaction
from plughub.storage.tables import settings


@dataclass(frozen=True, slots=True)
class RecordedProcesses:
    """Processes that the database records, running or not.

    Attributes:
        hubs: the hub processes.
        proxies: saved states of the proxies.
    """

    hubs: tuple[HubProcess, ...] = ()
    proxies: tuple[Mapping[str, Any], ...] = ()


def read_state(url: str, options: Mapping[str, Any] | None = None) -> SchemaState:
    """Return the revision of the schema.

    Raises:
        StartError: the database is unreachable.
    """
    with _reading(url, options) as connection:
        return state_of(connection)


def read_processes(url: str, options: Mapping[str, Any] | None, proxy_prefix: str) -> RecordedProcesses:
    """Return the recorded processes; none if the schema is not the current one.

    Args:
        url: SQLAlchemy URL.
        options: more arguments of `sqlalchemy.create_engine`.
        proxy_prefix: beginning of the names of the facts that are states of proxies.

    Raises:
        StartError: the database is unreachable.
    """
    with _reading(url, options) as connection:
        if not state_of(connection).current:
            return RecordedProcesses()
        states = select(settings.c.value).where(settings.c.name.startswith(proxy_prefix, autoescape=True))
        return RecordedProcesses(
            hubs=tuple(Transaction(connection).hub_processes.list()),
            proxies=tuple(state for state in connection.scalars(states) if isinstance(state, dict)),
        )


@contextlib.contextmanager
def _reading(url: str, options: Mapping[str, Any] | None) -> Iterator[Connection]:
    path = sqlite_path(url)
    if path is None:
        with schema_work(url, options) as connection:
            yield connection
        return

    def connect() -> sqlite3.Connection:
        # Our own connections would switch the file to write-ahead logging. "rw" does not create a file, and
        # unlike "ro" it leaves none behind.
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise unreachable(url, error) from error
