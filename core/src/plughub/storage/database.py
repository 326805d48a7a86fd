"""Connections and transactions: short, off the loop, bounded in time, repeated where that is safe."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, Transaction, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import StaticPool

from plughub.domain.backoff import Backoff
from plughub.domain.errors import UnavailableError
from plughub.storage.database_errors import (
    READ_ONLY,
    SILENT,
    describe_trouble,
    is_trouble,
    may_help_to_repeat,
    reason_of,
    was_asleep,
)
from plughub.storage.database_settings import database_settings

T = TypeVar("T")
log = logging.getLogger("plughub.storage")

READERS: Final = 8
TRIES: Final = 5
BACKOFF: Final = Backoff(first=0.1, longest=1.6, jitter=0.8)
BUSY_SECONDS: Final = 5
REPEAT_SECONDS: Final = 4
"""No new try begins later than that."""
WAIT_SECONDS: Final = 12
"""For so long a request waits while no other is served either: in a crowd it waits for its turn."""
WAIT_IN_TROUBLE: Final = 3
"""The same once it is known that something is wrong."""
LONGEST_WAIT: Final = 60
IDLE_SECONDS: Final = 5
"""PostgreSQL ends a transaction that does nothing for so long: a stopped hub must not hold its locks."""
CLOSE_SECONDS: Final = 10
WRITE: Final = "plughub_write"
_LIBPQ: Final = {"connect_timeout": 5, "tcp_user_timeout": 8_000, "keepalives_idle": 15}


class Database:
    """A database and the threads that talk to it.

    Every transaction is one function that gets a connection. It may be run again when the database
    asks for it (a deadlock, a lock), so it does nothing but talk to the database.

    Args:
        url: SQLAlchemy URL, such as ``sqlite:///jupyterhub.sqlite``.
        options: further arguments of `sqlalchemy.create_engine`.

    Raises:
        StartError: URL or arguments are wrong, or the driver is not installed.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self._troubles = {"read": "", "write": ""}
        # A listener to each transaction would make every statement dearer by a fifth: `_once` begins them.
        self.engine = make_engine(url, options or {}, begin=False)
        self._sqlite = self.engine.dialect.name == "sqlite"
        reading: dict[str, Any] = {WRITE: False}
        if self.engine.dialect.name == "postgresql":
            event.listen(self.engine, "connect", _bound_transactions)
            # Each statement sees what is committed by then, in a transaction or not: two round trips less.
            reading["isolation_level"] = "AUTOCOMMIT"
        self._reading = self.engine.execution_options(**reading)
        self._writing = self.engine.execution_options(**{WRITE: True})
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="plughub-db")
        self._writers = (
            ThreadPoolExecutor(1, thread_name_prefix="plughub-db-write") if self._sqlite else self._readers
        )
        self._served = dict.fromkeys((self._readers, self._writers), 0.0)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction that changes nothing.

        Args:
            work: gets a connection.

        Returns:
            What it answers.

        Raises:
            UnavailableError: the database cannot be reached or is too busy.
        """
        return await self._off_the_loop(self._readers, work, write=False)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction that may change something; it is committed when the function returns.

        Args:
            work: gets a connection.

        Returns:
            What it answers.

        Raises:
            UnavailableError: the database cannot be reached or is too busy.
        """
        return await self._off_the_loop(self._writers, work, write=True)

    def run(self, work: Callable[[Connection], T], *, write: bool = True) -> T:
        """Run a transaction in this thread.

        Args:
            work: gets a connection.
            write: whether it may change something.

        Returns:
            What it answers.

        Raises:
            UnavailableError: the database cannot be reached or is too busy.
        """
        last = time.monotonic() + REPEAT_SECONDS
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._once(work, write=write)
            except (DBAPIError, PoolTimeoutError) as error:
                if not is_trouble(error) and (attempt == TRIES or not may_help_to_repeat(error)):
                    raise
                late = time.monotonic() > last and not was_asleep(error)
                if attempt == TRIES or late or not may_help_to_repeat(error):
                    raise self._unavailable(error, write=write) from error
                log.warning("database asks to try again (%d of %d): %s", attempt, TRIES, reason_of(error))
                time.sleep(BACKOFF.after(attempt))
            else:
                self._note("", write=write)
                return answer
        raise AssertionError("unreachable")  # pragma: no cover

    @property
    def trouble(self) -> str:
        """What was wrong with the database when it was last asked, for a person; empty when all is well."""
        return self._troubles["write"] or self._troubles["read"]

    def close(self) -> None:
        """Close all connections; one whose server does not answer any more is not waited for."""
        closing = threading.Thread(target=self._close, name="plughub-db-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            log.warning("the database does not answer: its connections are left open")

    def _close(self) -> None:
        for pool in {self._readers, self._writers}:
            pool.shutdown(wait=True, cancel_futures=True)
        self.engine.dispose()

    def _once(self, work: Callable[[Connection], T], *, write: bool) -> T:
        engine = self._writing if write else self._reading
        with engine.connect() as connection:
            with connection.begin() as transaction:
                if self._sqlite:
                    _begin_sqlite(connection)
                answer = work(connection)
                if write:
                    _commit(transaction)
            return answer

    async def _off_the_loop(
        self, pool: ThreadPoolExecutor, work: Callable[[Connection], T], *, write: bool
    ) -> T:
        def serve() -> T:
            answer = self.run(work, write=write)
            self._served[pool] = time.monotonic()
            return answer

        begin = time.monotonic()
        waits = WAIT_IN_TROUBLE if self._troubles["write" if write else "read"] else WAIT_SECONDS
        asked = asyncio.get_running_loop().run_in_executor(pool, serve)
        try:
            while (
                left := min(max(begin, self._served[pool]) + waits, begin + LONGEST_WAIT) - time.monotonic()
            ) > 0:
                if (await asyncio.wait((asked,), timeout=left))[0]:
                    return asked.result()
        finally:
            asked.cancel()
        self._note(self.trouble or SILENT, write=write)
        raise UnavailableError(self.trouble)

    def _unavailable(self, error: Exception, *, write: bool) -> UnavailableError:
        trouble = describe_trouble(error)
        if trouble != self.trouble:
            log.error("%s: %s", trouble, reason_of(error))
        if trouble == READ_ONLY:
            self.engine.dispose()  # the next connection may lead to a server that takes writes
        self._note(trouble, write=write)
        return UnavailableError(trouble)

    def _note(self, trouble: str, *, write: bool) -> None:
        was = self.trouble
        self._troubles["write" if write else "read"] = trouble
        if write and not trouble:
            self._troubles["read"] = ""
        if was and not self.trouble:
            log.info("the database is well again")


def driver_url(url: str) -> URL:
    """Name the driver where a URL leaves it open.

    Args:
        url: SQLAlchemy URL.

    Returns:
        The URL, with psycopg for PostgreSQL.
    """
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def make_engine(url: str, options: Mapping[str, Any], *, begin: bool = True) -> Engine:
    """Make an engine with our settings for the dialect.

    Args:
        url: SQLAlchemy URL.
        options: further arguments of `sqlalchemy.create_engine`.
        begin: have it begin the transactions of SQLite, which its driver does not.

    Returns:
        The engine.

    Raises:
        StartError: URL or arguments are wrong, or the driver is not installed.
    """
    with database_settings(url, options):
        return _make_engine(driver_url(url), options, begin=begin)


def _make_engine(parsed: URL, options: Mapping[str, Any], *, begin: bool) -> Engine:
    if parsed.get_backend_name() != "sqlite":
        defaults: dict[str, Any] = {
            "pool_size": READERS,
            "max_overflow": 4,
            "pool_timeout": 10,
            "pool_pre_ping": True,
        }
        if parsed.get_driver_name() in {"psycopg", "psycopg2"}:
            defaults["connect_args"] = _LIBPQ
        return create_engine(parsed, **{**defaults, **options})
    defaults = {"connect_args": {"check_same_thread": False, "timeout": BUSY_SECONDS}}
    if parsed.database in {None, "", ":memory:"}:
        defaults["poolclass"] = StaticPool
    else:
        defaults |= {"pool_size": READERS + 1, "max_overflow": 0}
    engine = create_engine(parsed, **{**defaults, **options})
    event.listen(engine, "connect", _prepare_sqlite)
    if begin:
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _commit(transaction: Transaction) -> None:
    try:
        transaction.commit()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        # It may be stored or not. Whoever asked looks, and asks again: doing it twice could be wrong.
        raise UnavailableError(
            "the connection to the database was lost, and it is not known whether the change is stored: "
            "look, and try again if it is not"
        ) from error


def _bound_transactions(connection: Any, _record: object) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
    connection.autocommit = False


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own idea of when a transaction begins is switched off: _begin_sqlite says it.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that will write takes its lock at once: upgrading a read lock later can fail for good.
    write = connection.get_execution_options().get(WRITE, True)
    statement = "BEGIN IMMEDIATE" if write else "BEGIN"
    try:
        # Past SQLAlchemy's own way to execute, which costs as much as a look-up.
        connection.connection.cursor().execute(statement)
    except sqlite3.Error as error:
        raise OperationalError(statement, None, error) from error
