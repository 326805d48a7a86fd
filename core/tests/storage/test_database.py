import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import IntegrityError

from plughub.domain.errors import UnavailableError
from plughub.storage.database import IN_MEMORY, READERS, Database
from plughub.storage.schema import make_schema, prepare_schema
from plughub.storage.tables import users
from plughub.testing.conditions import keep_busy


@pytest.mark.postgresql
def test_a_process_suspended_in_a_transaction_does_not_block_others(postgresql, make_stored):
    url = postgresql.new_database()
    prepare_schema(url)
    stored, other = make_stored(url), make_stored(url)
    stored(lambda tx: tx.settings.set("x", 1))
    locked, woken = threading.Event(), threading.Event()

    def stopped(tx):
        tx.settings.set("x", tx.settings.get("x") + 1)
        locked.set()
        woken.wait(30)
        tx.settings.set("y", tx.settings.get("x"))

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(stored, stopped)
        locked.wait(10)
        begin = time.monotonic()
        other(lambda tx: tx.settings.set("x", 10))
        assert time.monotonic() - begin < 8
        woken.set()
        first.result()
    assert stored(lambda tx: (tx.settings.get("x"), tx.settings.get("y"))) == (11, 11)


@pytest.mark.postgresql
def test_on_postgresql_reads_open_no_transaction(postgresql, make_stored):
    stored = make_stored(postgresql.new_database())

    def work(connection):
        connection.execute(text("SELECT 1"))
        return connection.connection.driver_connection.info.transaction_status

    for _ in range(2):  # the same connection serves both
        assert stored.database.run(work, write=False) == TransactionStatus.IDLE
        assert stored.database.run(work, write=True) == TransactionStatus.INTRANS


async def test_a_read_only_database_is_unavailable(db_url):
    prepare_schema(db_url)
    database = Database(db_url)
    name = database.engine.url.database
    switch = {
        "sqlite": "PRAGMA query_only = on",
        "postgresql": f'ALTER DATABASE "{name}" SET default_transaction_read_only = on',
    }
    database.run(lambda connection: connection.exec_driver_sql(switch[database.engine.dialect.name]))
    if database.engine.dialect.name == "postgresql":
        database.engine.dispose()
    with pytest.raises(UnavailableError):
        await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM users"))
    database.close()


async def test_a_crowd_is_served_in_order_however_long_it_takes(db_url, monkeypatch):
    monkeypatch.setattr("plughub.storage.database.DATABASE_WAIT_SECONDS", 2)
    prepare_schema(db_url)
    database = Database(db_url)
    many = 8 * (1 if database.engine.dialect.name == "sqlite" else READERS)
    async with asyncio.TaskGroup() as crowd:
        asked = [crowd.create_task(database.write(lambda _: keep_busy(0.5))) for _ in range(many)]
    assert all(one.done() and not one.exception() for one in asked)
    database.close()


async def test_requests_fail_early_while_none_is_served(db_url, monkeypatch):
    monkeypatch.setattr("plughub.storage.database.DATABASE_WAIT_SECONDS", 0.2)
    prepare_schema(db_url)
    database = Database(db_url)
    stuck = threading.Event()
    try:
        waiting = [asyncio.create_task(database.write(lambda _: stuck.wait(30))) for _ in range(READERS + 1)]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert not stuck.is_set()
        assert {type(answer) for answer in answers} == {UnavailableError}
    finally:
        stuck.set()
        database.close()


@pytest.mark.postgresql
def test_a_change_is_not_repeated_when_it_is_not_known_whether_it_is_stored(postgresql, make_stored):
    url = postgresql.new_database()
    prepare_schema(url)
    stored = make_stored(url)
    tries = []

    def work(tx):
        tries.append(1)
        tx.settings.set("x", 1)

    def lose(connection):
        if len(tries) > 1:
            return
        with engine.connect() as other:
            pid = connection.connection.driver_connection.info.backend_pid
            other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")

    engine = stored.database.engine
    event.listen(engine, "commit", lose)
    with pytest.raises(UnavailableError, match="unknown whether"):
        stored(work)
    assert len(tries) == 1
    stored(work)
    assert stored(lambda tx: tx.settings.get("x")) == 1


async def test_threads_share_a_database_in_memory():
    database = Database(IN_MEMORY)
    database.run(make_schema)

    def create(name):
        return lambda connection: connection.execute(users.insert().values(name=name, cookie_id=name))

    def count(connection):
        return connection.scalar(select(func.count()).select_from(users))

    names = [f"user-{number}" for number in range(40)]
    await asyncio.gather(
        *(database.write(create(name)) for name in names), *(database.read(count) for _ in names)
    )
    assert database.run(count) == 40
    database.close()


def test_a_violated_foreign_key_is_not_a_database_problem(stored):
    with pytest.raises(IntegrityError):
        stored.database.run(
            lambda c: c.execute(text("INSERT INTO spawners (user_id, name) VALUES (99, 'x')"))
        )
    assert stored.database.problem == ""
