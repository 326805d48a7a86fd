"""Descriptions of database errors for users, and silent retries."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, text

from plughub.domain.errors import UnavailableError
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema


@pytest.mark.postgresql
def test_of_two_transactions_in_a_deadlock_both_succeed(postgresql, make_stored):
    url = postgresql.new_database()
    prepare_schema(url)
    stored = make_stored(url)
    stored(lambda tx: (tx.settings.set("a", 0), tx.settings.set("b", 0)))
    both = threading.Barrier(2)
    tries = []

    def crosswise(first, second):
        def work(tx):
            tries.append(first)
            tx.settings.set(first, tx.settings.get(first) + 1)
            if tries.count(first) == 1:
                both.wait(10)
            tx.settings.set(second, tx.settings.get(second) + 1)

        return work

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(stored, crosswise(*names)) for names in (("a", "b"), ("b", "a"))]:
            done.result(30)
    assert len(tries) == 3
    assert stored(lambda tx: (tx.settings.get("a"), tx.settings.get("b"))) == (2, 2)
    assert stored.database.problem == ""


async def test_a_full_disk_is_reported_until_there_is_room(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    database.run(lambda connection: connection.execute(text("CREATE TABLE t (x)")))
    pages = {"most": 3}
    event.listen(
        database.engine,
        "checkout",
        lambda connection, *_: connection.execute(f"PRAGMA max_page_count = {pages['most']}"),
    )

    def fill(connection):
        connection.execute(text("INSERT INTO t VALUES (zeroblob(100000))"))

    with pytest.raises(UnavailableError, match="the disk of the database is full"):
        await database.write(fill)
    await database.read(lambda connection: connection.execute(text("SELECT 1")))
    assert database.problem == "the disk of the database is full"
    pages["most"] = 1000
    await database.write(fill)
    assert database.problem == ""
    count = await database.read(
        lambda connection: connection.execute(text("SELECT count(*) FROM t")).scalar()
    )
    assert count == 1
    database.close()


async def test_a_damaged_file_is_reported(tmp_path):
    file = tmp_path / "hub.sqlite"
    prepare_schema(f"sqlite:///{file}")
    content = bytearray(file.read_bytes())
    content[100:] = b"x" * (len(content) - 100)
    file.write_bytes(content)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(UnavailableError, match="the database is damaged"):
        await database.read(lambda connection: connection.execute(text("SELECT * FROM users")).all())
    database.close()


@pytest.mark.postgresql
async def test_messages_for_users_contain_no_address(postgresql):
    url = postgresql.new_database()
    database = Database(url)
    postgresql.stop()
    try:
        with pytest.raises(UnavailableError) as raised:
            await database.read(lambda connection: connection.execute(text("SELECT 1")))
    finally:
        postgresql.start()
    assert raised.value.message == "the database does not answer"
    await database.read(lambda connection: connection.execute(text("SELECT 1")))
    assert database.problem == ""
    database.close()
