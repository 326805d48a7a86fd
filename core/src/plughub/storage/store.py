"""Store, which runs transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from plughub.storage.database import Database
from plughub.storage.transaction import Transaction

__all__ = ["Store", "Transaction"]

T = TypeVar("T")


class Store:
    """Access to the database in transactions.

    Args:
        database: the database.
        changed: function called after a commit with number, topic and key of each change of this process.
    """

    def __init__(
        self,
        database: Database,
        changed: Callable[[list[tuple[int, str, str]]], None] = lambda _changes: None,
    ) -> None:
        self.database = database
        self.changed = changed

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a read-only transaction."""
        return await self.database.read(lambda connection: work(Transaction(connection)))

    async def read_if_changed(
        self, work: Callable[[Transaction], T], seen: int | None
    ) -> tuple[T | None, int | None]:
        """Run a read-only transaction, unless nothing was committed; see `Database.read_if_changed`."""
        return await self.database.read_if_changed(lambda connection: work(Transaction(connection)), seen)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction that may write."""

        def run(connection: Connection) -> tuple[T, list[tuple[int, str, str]]]:
            transaction = Transaction(connection)
            return work(transaction), transaction.changes.added

        answer, changes = await self.database.write(run)
        if changes:
            self.changed(changes)
        return answer
