"""Database session for classes that keep tables of their own in the hub's database.

It never takes part in the hub's transactions: each statement is a transaction of its own. Before the hub has
configured its plugins, as in constructors and for ``hub check``, it sees an empty database in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, scoped_session


class PackageDatabase:
    """Database of the classes for JupyterHub, connected when one of them uses it."""

    def __init__(self) -> None:
        self._url = ""
        self._options: Mapping[str, Any] = {}
        self._lock = threading.Lock()
        self._sessions: scoped_session[Session] | None = None

    def open(self, url: str, options: Mapping[str, Any]) -> None:
        """Use a database from now on.

        Args:
            url: SQLAlchemy URL.
            options: more arguments of ``sqlalchemy.create_engine``.
        """
        with self._lock:
            self._url, self._options, self._sessions = url, options, None

    @property
    def session(self) -> scoped_session[Session]:
        """Session of this thread.

        Unless it has changes, it returns its connection first: none is kept between requests, and a lost one
        is replaced.
        """
        from plughub_jupyterhub import database_sessions  # noqa: PLC0415 - many classes need no database

        with self._lock:
            if self._sessions is None:
                self._sessions = database_sessions.connect(self._url, self._options)
            sessions = self._sessions
        database_sessions.settle(sessions())
        return sessions


database: Final = PackageDatabase()
"""The database of this process."""
