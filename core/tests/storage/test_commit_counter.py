"""Reads that are left out while nothing was committed."""

import asyncio
import sys

import pytest

from plughub.domain.users import UserQuery
from plughub.storage.database import IN_MEMORY
from plughub.storage.store import Store
from plughub.testing.databases import open_database, prepare_database


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    prepare_database(url)
    return url


@pytest.fixture
def store(url):
    database = open_database(url)
    yield Store(database)
    database.close()


async def read(store, seen):
    return await store.read_if_changed(lambda tx: tx.user_list.count(UserQuery()), seen)


async def test_nothing_is_read_until_a_connection_has_committed(store):
    found, version = await read(store, None)
    assert found == 0
    assert await read(store, version) == (None, version)
    await store.write(lambda tx: tx.user_list.create(["ada"]))
    found, later = await read(store, version)
    assert (found, await read(store, later)) == (1, (None, later))


async def test_commits_of_another_process_are_noticed(store, url):
    _, version = await read(store, None)
    code = "import sys, sqlite3; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version = 7')"
    path = store.database.engine.url.database
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, path)
    assert await process.wait() == 0
    assert (await read(store, version))[0] == 0


async def test_a_transaction_that_is_not_committed_counts_for_nothing(store):
    _, version = await read(store, None)
    with pytest.raises(ZeroDivisionError):
        await store.write(lambda tx: tx.user_list.create(["ada"]) and 1 / 0)
    assert await read(store, version) == (None, version)


async def test_a_database_in_memory_is_always_read():
    database = open_database(IN_MEMORY)
    store = Store(database)
    assert await store.read_if_changed(lambda tx: tx.now() > 0, None) == (True, None)
    assert await store.read_if_changed(lambda tx: tx.now() > 0, None) == (True, None)
    database.close()


@pytest.mark.postgresql
async def test_postgresql_is_always_read(postgresql):
    database = open_database(postgresql.url)
    store = Store(database)
    assert await store.read_if_changed(lambda tx: tx.now() > 0, None) == (True, None)
    database.close()


async def test_a_database_with_a_problem_is_read_until_it_answers(store):
    _, version = await read(store, None)

    store.database._note("the disk is full", write=False)
    assert await read(store, version) == (0, version)
    assert not store.database.problem


async def test_the_counter_of_commits_is_read_while_another_connection_writes(store):
    _, version = await read(store, None)
    with store.database.engine.connect() as writing:
        writing.connection.cursor().execute("BEGIN EXCLUSIVE")
        assert await read(store, version) == (None, version)
        writing.connection.cursor().execute("ROLLBACK")
