from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from plughub.domain.roles import DEFAULT_ROLES
from plughub.storage.database import Database
from plughub.storage.store import Store, Transaction
from plughub.testing.databases import open_database

T = TypeVar("T")


class SyncStore:
    """A store whose transactions run in the thread of the test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = Store(database)

    def __call__(self, work: Callable[[Transaction], T]) -> T:
        return self.database.run(lambda connection: work(Transaction(connection)))


@pytest.fixture
def make_stored() -> Iterator[Callable[[str], SyncStore]]:
    opened: list[Database] = []

    def make(url: str) -> SyncStore:
        opened.append(open_database(url))
        return SyncStore(opened[-1])

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def stored(hub_db_url: str, make_stored: Callable[[str], SyncStore]) -> SyncStore:
    stored = make_stored(hub_db_url)
    stored(lambda tx: tx.roles.ensure(DEFAULT_ROLES))
    return stored
