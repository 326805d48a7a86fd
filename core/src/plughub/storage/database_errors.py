"""What is wrong with a database: in words for a person, and whether trying again may help.

What the driver says goes into the log. It names addresses, users and statements, and pages are for everybody.
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
READ_ONLY: Final = "the database takes no writes: it is read-only"
FULL: Final = "the disk of the database is full"
DISK: Final = "the database cannot be read or written: its disk fails, or is full"
DAMAGED: Final = "the database is damaged"
OTHER: Final = "the database is not available"

_ASLEEP: Final = "25P03"
"""PostgreSQL: the transaction was ended because it was idle."""
_REPEAT: Final = frozenset({"40001", "40P01", "55P03", "23503", _ASLEEP})
"""PostgreSQL: serialization failure, deadlock, lock not available, a row that was deleted meanwhile."""
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
"""Primary result codes; an extended one begins with one of these."""


def is_trouble(error: Exception) -> bool:
    """Tell whether an error is the database's, and not a mistake in what it was asked.

    Args:
        error: what SQLAlchemy raised.

    Returns:
        True for what goes away by itself or by what an administrator does.
    """
    known = isinstance(error, OperationalError | InterfaceError | InternalError | PoolTimeoutError)
    # A damaged SQLite file is a plain DatabaseError.
    return known or type(error) is DatabaseError


def describe_trouble(error: Exception) -> str:
    """Say what is wrong.

    Args:
        error: what SQLAlchemy raised.

    Returns:
        One sentence for anybody.
    """
    if isinstance(error, PoolTimeoutError):
        return BUSY
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorname", None) or ""
        return next((words for name, words in _SQLITE.items() if code.startswith(name)), OTHER)
    state = getattr(original, "sqlstate", None)
    if state is None or state[:2] in {"08", "57"}:  # no connection, or the server is going or coming
        return _STATES.get(state or "", SILENT)
    return _STATES.get(state, OTHER)


def may_help_to_repeat(error: Exception) -> bool:
    """Tell whether the same transaction may succeed at once.

    Args:
        error: what SQLAlchemy raised.

    Returns:
        True for a deadlock, a lock, a connection that was cut.
    """
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.OperationalError):
        return describe_trouble(error) == LOCKED
    if getattr(original, "sqlstate", None) in _REPEAT:
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def was_asleep(error: Exception) -> bool:
    """Tell whether a transaction was ended because its process, which was stopped, did nothing.

    Args:
        error: what SQLAlchemy raised.

    Returns:
        True when the time it took says nothing about the database.
    """
    return getattr(getattr(error, "orig", None), "sqlstate", None) == _ASLEEP


def reason_of(error: Exception) -> str:
    """Give what the driver says, for the log.

    Args:
        error: what SQLAlchemy raised.

    Returns:
        One line.
    """
    return " ".join(str(getattr(error, "orig", None) or error).split())[:200]
