"""Queries for login sessions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from plughub.domain.sessions import LoginSession
from plughub.storage.changes import Changes
from plughub.storage.session_table import sessions
from plughub.storage.statements import insert_all_unless_there

_row = sessions.c
_LIVE = select(sessions).where(_row.ended.is_(False), _row.expires > bindparam("now"))
_BY_HASH = _LIVE.where(_row.hashed == bindparam("hash"))
_OF_USER = _LIVE.where(_row.user_id == bindparam("of_user")).order_by(_row.seen.desc(), _row.id.desc())
_TOO_MANY = _OF_USER.with_only_columns(_row.id).offset(bindparam("limit"))
_KEYS: Any = bindparam("keys", expanding=True)
# A cookie of a JupyterHub can be sent again, so the end of its session must stay stored.
_END = update(sessions).where(_row.id.in_(_KEYS), _row.taken_over.is_(True)).values(ended=True)
_DELETE = delete(sessions).where(_row.id.in_(_KEYS), _row.taken_over.is_(False))
_TOUCH = (
    update(sessions)
    .where(_row.id == bindparam("key"), _row.seen < bindparam("at"))
    .values(seen=bindparam("at"))
)
_CONFIRM = update(sessions).where(_row.id == bindparam("key")).values(authenticated_at=bindparam("at"))


class Sessions:
    """Login sessions, on one connection."""

    def __init__(self, connection: Connection, changes: Changes, now: float) -> None:
        self._connection = connection
        self._changes = changes
        self._now = now

    def add(
        self,
        hashed: str,
        *,
        user_id: int,
        session_id: str,
        plugin: str,
        authenticated_at: float,
        expires: float,
        agent: str = "",
        address: str = "",
        taken_over: bool = False,
    ) -> LoginSession | None:
        """Store a session; None if one with this hash exists, even if it has ended."""
        facts = {
            "user_id": user_id,
            "session_id": session_id,
            "plugin": plugin,
            "created": self._now,
            "authenticated_at": authenticated_at,
            "seen": self._now,
            "expires": expires,
            "agent": agent,
            "address": address,
        }
        row = {"hashed": hashed, **facts, "taken_over": taken_over, "ended": False}
        keys = insert_all_unless_there(self._connection, sessions, ["hashed"], [row], _row.id)
        if not keys:
            return None
        self._changes.add("session", "")
        return LoginSession(id=keys[0], **facts)  # type: ignore[arg-type]

    def find(self, hashed: str) -> LoginSession | None:
        """Return a session that has not ended."""
        row = self._connection.execute(_BY_HASH, {"hash": hashed, "now": self._now}).one_or_none()
        return read_session(row) if row is not None else None

    def of_user(self, user_id: int) -> list[LoginSession]:
        """List the sessions of a user that have not ended, most recently used first."""
        rows = self._connection.execute(_OF_USER, {"of_user": user_id, "now": self._now})
        return [read_session(row) for row in rows]

    def list_excess(self, user_id: int, limit: int) -> list[int]:
        """List the keys of a user's least recently used sessions beyond a limit."""
        wanted = {"of_user": user_id, "now": self._now, "limit": limit}
        return list(self._connection.execute(_TOO_MANY, wanted).scalars())

    def end(self, session_ids: Collection[int]) -> None:
        """End sessions and invalidate the caches of all processes."""
        if session_ids:
            self._connection.execute(_END, {"keys": list(session_ids)})
            self._connection.execute(_DELETE, {"keys": list(session_ids)})
            for key in session_ids:
                self._changes.add("session", str(key))

    def confirm(self, session_id: int) -> None:
        """Store a new authentication in a session and invalidate the caches of all processes."""
        self._connection.execute(_CONFIRM, {"key": session_id, "at": self._now})
        self._changes.add("session", str(session_id))

    def touch(self, seen: Mapping[int, float]) -> None:
        """Advance the last use."""
        if seen:
            self._connection.execute(_TOUCH, [{"key": key, "at": at} for key, at in seen.items()])

    def purge(self) -> int:
        """Delete expired sessions and return their number."""
        return self._connection.execute(delete(sessions).where(_row.expires < self._now)).rowcount


def read_session(row: Row[Any]) -> LoginSession:
    """Convert a row of the table of sessions."""
    return LoginSession(
        id=row.id,
        user_id=row.user_id,
        session_id=row.session_id,
        plugin=row.plugin,
        created=row.created,
        authenticated_at=row.authenticated_at,
        seen=row.seen,
        expires=row.expires,
        agent=row.agent,
        address=row.address,
    )
