"""Classification of database errors, with a description for users and whether to retry.

Messages of the driver contain addresses, users and statements and therefore go to the log only.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

SILENT: Final = "the database does not answer"
BUSY: Final = "the database is too busy"
LOCKED: Final = "the database is locked by another process"
READ_ONLY: Final = "the database is read-only"
FULL: Final = "the disk of the database is full"
DISK: Final = "the database cannot be read or written: its disk is full or failing"
DAMAGED: Final = "the database is damaged"
OTHER: Final = "the database is not available"

_ASLEEP: Final = "25P03"
"""PostgreSQL: the server ended the transaction because it was idle."""
_REPEAT: Final = frozenset({"40001", "40P01", "55P03", "23503", _ASLEEP})
"""PostgreSQL: serialization failure, deadlock, lock not available, a row deleted concurrently."""
_STATES: Final = {
    "25006": READ_ONLY,
    "53100": FULL,
    "53200": BUSY,
    "53300": BUSY,
    "55P03": BUSY,
    "40001": BUSY,
    "40P01": BUSY,
    "57014": BUSY,
}
"""PostgreSQL, Appendix A: error codes."""
_SQLITE: Final = {
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_FULL": FULL,
    "SQLITE_IOERR": DISK,
    "SQLITE_CANTOPEN": DISK,
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_NOTADB": DAMAGED,
}
"""SQLite: primary result codes, which are prefixes of the extended ones."""


def is_database_problem(error: Exception) -> bool:
    """Return whether an error is a problem of the database, and not a mistake in a statement."""
    known = isinstance(error, OperationalError | InterfaceError | InternalError | PoolTimeoutError)
    # A damaged SQLite file is a plain DatabaseError.
    return known or type(error) is DatabaseError


def describe_problem(error: Exception) -> str:
    """Return a short description of a database error for users."""
    if isinstance(error, PoolTimeoutError):
        return BUSY
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorname", None) or ""
        return next((words for name, words in _SQLITE.items() if code.startswith(name)), OTHER)
    state = getattr(original, "sqlstate", None)
    if state is None or state[:2] in {"08", "57"}:  # no connection, or the server starts or shuts down
        return _STATES.get(state or "", SILENT)
    return _STATES.get(state, OTHER)


def is_retryable(error: Exception) -> bool:
    """Return whether an immediate retry may succeed: after a deadlock, a lock, a lost connection."""
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.OperationalError):
        return describe_problem(error) == LOCKED
    if getattr(original, "sqlstate", None) in _REPEAT:
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def was_suspended(error: Exception) -> bool:
    """Return whether a transaction was ended because its own process was suspended.

    The duration of such a transaction says nothing about the database.
    """
    return getattr(getattr(error, "orig", None), "sqlstate", None) == _ASLEEP


def reason_of(error: Exception) -> str:
    """Return the driver's message for the log, in one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())[:200]
