"""Counts of what an operation costs, for tests of upper bounds: counts do not depend on the machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, event

from plughub.storage.database import WRITE, Database

_LOCKING: Final = (
    "FOR UPDATE",
    "FOR NO KEY UPDATE",
    "FOR KEY SHARE",
    "FOR SHARE",
    "pg_advisory",
    "pg_try_advisory",
)


@dataclass(slots=True)
class Costs:
    """Costs so far.

    Attributes:
        statements: text of each SQL statement, without those that begin and end transactions.
        uncompiled: how many of them SQLAlchemy executes itself, which costs several times as much.
        reads: transactions that only read.
        writes: transactions that may write.
        hops: calls from other threads into the event loop, one for each call that ran in a thread.
        waits: how often the event loop had nothing to do and waited for a descriptor, a thread or a timer.
    """

    statements: list[str] = field(default_factory=list)
    uncompiled: int = 0
    reads: int = 0
    writes: int = 0
    hops: int = 0
    waits: int = 0

    @property
    def locks(self) -> int:
        """Return how many statements lock rows before they change them, or take an advisory lock."""
        return sum(any(word in text for word in _LOCKING) for text in self.statements)

    def clear(self) -> None:
        """Begin again at zero."""
        self.statements.clear()
        self.uncompiled = self.reads = self.writes = self.hops = self.waits = 0


@contextlib.contextmanager
def counted(database: Database) -> Iterator[Costs]:
    """Count the costs of everything that runs on a database and the running event loop.

    Args:
        database: the database.

    Yields:
        The costs, which grow until the end of the block.
    """
    with statements_counted(database) as costs, _loop_counted(costs):
        yield costs


@contextlib.contextmanager
def statements_counted(database: Database) -> Iterator[Costs]:
    """Count the statements and transactions on a database, as `counted` does, but nothing of the event loop.

    Args:
        database: the database. If several share a loop, each has costs of its own.

    Yields:
        The costs, which grow until the end of the block.
    """
    costs = Costs()

    def note_statement(*call: Any) -> None:
        costs.statements.append(call[2])
        costs.uncompiled += call[4] is not None  # its context; a `CompiledQuery` has none

    def note_transaction(connection: Connection) -> None:  # each has a connection of its own
        if connection.get_execution_options().get(WRITE, True):
            costs.writes += 1
        else:
            costs.reads += 1

    listeners = {"before_cursor_execute": note_statement, "engine_connect": note_transaction}
    for name, listener in listeners.items():
        event.listen(database.engine, name, listener)
    try:
        yield costs
    finally:
        for name, listener in listeners.items():
            event.remove(database.engine, name, listener)


@contextlib.contextmanager
def _loop_counted(costs: Costs) -> Iterator[None]:
    loop: Any = asyncio.get_running_loop()
    selector = loop._selector  # noqa: SLF001 - asyncio does not tell otherwise when it waits
    call, select = loop.call_soon_threadsafe, selector.select

    def call_soon_threadsafe(*arguments: Any, **options: Any) -> Any:
        costs.hops += 1
        return call(*arguments, **options)

    def select_and_count(timeout: float | None = None) -> Any:
        costs.waits += timeout is None or timeout > 0
        return select(timeout)

    loop.call_soon_threadsafe, selector.select = call_soon_threadsafe, select_and_count
    try:
        yield
    finally:
        del loop.call_soon_threadsafe, selector.select
