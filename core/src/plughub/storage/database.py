"""Connections and short transactions outside the event loop, with time limits and safe retries."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, Transaction, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import StaticPool

from plughub.domain.errors import UnavailableError
from plughub.domain.timings import (
    DATABASE_BACKOFF,
    DATABASE_BUSY_SECONDS,
    DATABASE_CLOSE_SECONDS,
    DATABASE_CONNECT_SECONDS,
    DATABASE_KEEPALIVE_SECONDS,
    DATABASE_LONGEST_SECONDS,
    DATABASE_REPEAT_SECONDS,
    DATABASE_UNANSWERED_MILLISECONDS,
    DATABASE_UNAVAILABLE_SECONDS,
    DATABASE_WAIT_SECONDS,
    IDLE_TRANSACTION_SECONDS,
)
from plughub.storage.commit_counter import CommitCounter
from plughub.storage.database_errors import (
    READ_ONLY,
    SILENT,
    describe_problem,
    is_database_problem,
    is_retryable,
    reason_of,
    was_suspended,
)
from plughub.storage.database_settings import database_settings
from plughub.storage.thread_call import ReusedThreads

T = TypeVar("T")
log = logging.getLogger("plughub.storage")

IN_MEMORY: Final = "sqlite:///:memory:"
"""URL of a database that ends with its process."""
READERS: Final = 8
TRIES: Final = 5
WRITE: Final = "plughub_write"
_LIBPQ: Final = {
    "connect_timeout": DATABASE_CONNECT_SECONDS,
    "tcp_user_timeout": DATABASE_UNANSWERED_MILLISECONDS,
    "keepalives_idle": DATABASE_KEEPALIVE_SECONDS,
}


class Database:
    """Database and the threads that access it.

    Every transaction is a function that gets a connection. It may run again after a deadlock or a lock, so it
    must have no other effects.

    Args:
        url: SQLAlchemy URL, such as ``sqlite:///jupyterhub.sqlite``.
        options: more arguments of `sqlalchemy.create_engine`.

    Raises:
        StartError: URL or arguments are invalid, or the driver is not installed.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self._problems = {"read": "", "write": ""}
        # A listener for each transaction would make every statement a fifth slower: `_once` begins them.
        self.engine = make_engine(url, options or {}, begin=False)
        self._sqlite = self.engine.dialect.name == "sqlite"
        # A database in memory has one connection, which all threads share.
        self._turn: AbstractContextManager[object] = (
            threading.Lock() if is_in_memory(url) else contextlib.nullcontext()
        )
        reading: dict[str, Any] = {WRITE: False}
        if self.engine.dialect.name == "postgresql":
            event.listen(self.engine, "connect", _bound_transactions)
            # With READ COMMITTED a transaction changes nothing for reads; this saves two round trips.
            reading["isolation_level"] = "AUTOCOMMIT"
        self._reading = self.engine.execution_options(**reading)
        self._writing = self.engine.execution_options(**{WRITE: True})
        self._readers = ReusedThreads(READERS, "plughub-db")
        self._writers = ReusedThreads(1, "plughub-db-write") if self._sqlite else self._readers
        self._commits = CommitCounter(self.engine)
        self._served = dict.fromkeys((self._readers, self._writers), 0.0)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a read-only transaction.

        Args:
            work: function of a connection.

        Raises:
            UnavailableError: the database is unreachable or overloaded.
        """
        return await self._off_the_loop(self._readers, work, write=False)

    async def read_if_changed(
        self, work: Callable[[Connection], T], seen: int | None
    ) -> tuple[T | None, int | None]:
        """Run a read-only transaction, unless nothing was committed since the last one.

        Args:
            work: function of a connection; it does not return None.
            seen: the version that the last call returned, None to run the transaction in any case.

        Returns:
            The answer, None if nothing was committed; and the version, None if this database has none.

        Raises:
            UnavailableError: the database is unreachable or overloaded.
        """
        version = self._commits.version()  # before the transaction, which may read more
        if version is not None and version == seen and not self.problem:
            return None, version

        def look() -> tuple[T, int | None]:
            before = version
            if before is None:
                self._commits.open()
                before = self._commits.version()
            return self.run(work, write=False), before

        return await self._in_thread(self._readers, look, write=False)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction that may write; it is committed when the function returns.

        Args:
            work: function of a connection.

        Raises:
            UnavailableError: the database is unreachable or overloaded.
        """
        return await self._off_the_loop(self._writers, work, write=True)

    def run(self, work: Callable[[Connection], T], *, write: bool = True) -> T:
        """Run a transaction in this thread, with retries.

        Args:
            work: function of a connection.
            write: whether it may write.

        Raises:
            UnavailableError: the database is unreachable or overloaded.
        """
        last = time.monotonic() + DATABASE_REPEAT_SECONDS
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._once(work, write=write)
            except (DBAPIError, PoolTimeoutError) as error:
                if not is_database_problem(error) and (attempt == TRIES or not is_retryable(error)):
                    raise
                late = time.monotonic() > last and not was_suspended(error)
                if attempt == TRIES or late or not is_retryable(error):
                    raise self._unavailable(error, write=write) from error
                log.warning("retrying a transaction (attempt %d of %d): %s", attempt, TRIES, reason_of(error))
                time.sleep(DATABASE_BACKOFF.after(attempt))
            else:
                self._note("", write=write)
                return answer
        raise AssertionError("unreachable")  # pragma: no cover

    @property
    def problem(self) -> str:
        """Problem in the last answer of the database, for a user; empty if there was none."""
        return self._problems["write"] or self._problems["read"]

    def close(self) -> None:
        """Close all connections, without waiting for those whose server no longer answers."""
        closing = threading.Thread(target=self._close, name="plughub-db-close", daemon=True)
        closing.start()
        closing.join(DATABASE_CLOSE_SECONDS)
        if closing.is_alive():
            log.warning("the database does not answer: leaving its connections open")

    def _close(self) -> None:
        for pool in {self._readers, self._writers}:
            pool.shutdown()
        self._commits.close()
        self.engine.dispose()

    def _once(self, work: Callable[[Connection], T], *, write: bool) -> T:
        with self._turn, (self._writing if write else self._reading).connect() as connection:
            if not write:
                # Without SQLAlchemy's transaction, which costs as much as a query: closing ends this one.
                if self._sqlite:
                    _begin_sqlite(connection)
                return work(connection)
            with connection.begin() as transaction:
                if self._sqlite:
                    _begin_sqlite(connection)
                answer = work(connection)
                _commit(transaction)
            return answer

    async def _off_the_loop(self, pool: ReusedThreads, work: Callable[[Connection], T], *, write: bool) -> T:
        return await self._in_thread(pool, lambda: self.run(work, write=write), write=write)

    async def _in_thread(self, pool: ReusedThreads, call: Callable[[], T], *, write: bool) -> T:
        begin = time.monotonic()
        is_available = not self._problems["write" if write else "read"]
        waits = DATABASE_WAIT_SECONDS if is_available else DATABASE_UNAVAILABLE_SECONDS

        def serve() -> T:
            answer = call()
            self._served[pool] = time.monotonic()
            return answer

        def deadline() -> float:
            return min(max(begin, self._served[pool]) + waits, begin + DATABASE_LONGEST_SECONDS)

        def expired() -> UnavailableError:
            self._note(self.problem or SILENT, write=write)
            return UnavailableError(self.problem)

        return await pool.run(serve, deadline, expired)

    def _unavailable(self, error: Exception, *, write: bool) -> UnavailableError:
        problem = describe_problem(error)
        if problem != self.problem:
            log.error("%s: %s", problem, reason_of(error))
        if problem == READ_ONLY:
            self.engine.dispose()  # the next connection may reach a server that accepts writes
        self._note(problem, write=write)
        return UnavailableError(problem)

    def _note(self, problem: str, *, write: bool) -> None:
        was = self.problem
        self._problems["write" if write else "read"] = problem
        if write and not problem:
            self._problems["read"] = ""
        if was and not self.problem:
            log.info("the database is available again")


def is_in_memory(url: str | URL) -> bool:
    """Return whether a URL names a SQLite database without a file; False for an invalid URL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return False
    return parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}


def driver_url(url: str) -> URL:
    """Return the URL with psycopg as the driver if it names PostgreSQL without a driver."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def make_engine(url: str, options: Mapping[str, Any], *, begin: bool = True) -> Engine:
    """Create an engine with our settings for the dialect.

    Args:
        url: SQLAlchemy URL.
        options: more arguments of `sqlalchemy.create_engine`.
        begin: whether to begin transactions of SQLite explicitly, because its driver does not.

    Raises:
        StartError: URL or arguments are invalid, or the driver is not installed.
    """
    with database_settings(url, options):
        return _make_engine(driver_url(url), options, begin=begin)


def _make_engine(parsed: URL, options: Mapping[str, Any], *, begin: bool) -> Engine:
    if parsed.get_backend_name() != "sqlite":
        defaults: dict[str, Any] = {
            "hide_parameters": True,
            "pool_size": READERS,
            "pool_use_lifo": True,
            "max_overflow": 4,
            "pool_timeout": 10,
            "pool_pre_ping": True,
        }
        if parsed.get_driver_name() in {"psycopg", "psycopg2"}:
            defaults["connect_args"] = _LIBPQ
        return create_engine(parsed, **{**defaults, **options})
    defaults = {
        "hide_parameters": True,
        "connect_args": {"check_same_thread": False, "timeout": DATABASE_BUSY_SECONDS},
    }
    if is_in_memory(parsed):
        defaults["poolclass"] = StaticPool
    else:
        defaults |= {"pool_size": READERS + 1, "max_overflow": 0, "pool_use_lifo": True}
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
        # The change may be stored or not. Repeating it here could apply it twice, so the caller must check.
        raise UnavailableError(
            "the connection to the database was lost, and it is unknown whether the change is stored: "
            "check, and try again if it is not"
        ) from error


def _bound_transactions(connection: Any, _record: object) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TRANSACTION_SECONDS}s'")
    connection.autocommit = False


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Disable the driver's own handling of transactions; _begin_sqlite begins them.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writing transaction takes its lock immediately: upgrading a read lock later can fail permanently.
    write = connection.get_execution_options().get(WRITE, True)
    statement = "BEGIN IMMEDIATE" if write else "BEGIN"
    try:
        # Bypass SQLAlchemy's execution, which costs as much as a query.
        connection.connection.cursor().execute(statement)
    except sqlite3.Error as error:
        raise OperationalError(statement, None, error) from error
