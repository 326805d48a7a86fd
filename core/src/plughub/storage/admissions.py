"""Users added by administrators, with the authenticators by which they may log in."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, select

from plughub.storage import tables
from plughub.storage.statements import insert_all_unless_there

CHUNK = 500
_admitted = tables.admissions.c
_OF_USER = select(_admitted.plugin).where(_admitted.user_id == bindparam("key"))


class Admissions:
    """Admissions of users, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_user(self, user_id: int) -> frozenset[str]:
        """Return the authenticators by which a user may log in because an administrator added them."""
        return frozenset(self._connection.execute(_OF_USER, {"key": user_id}).scalars())

    def replace(self, user_id: int, plugins: Collection[str]) -> None:
        """Let a user log in by some authenticators and by no others."""
        self._connection.execute(delete(tables.admissions).where(_admitted.user_id == user_id))
        self.grant([user_id], plugins)

    def grant(self, user_ids: Collection[int], plugins: Collection[str]) -> None:
        """Allow users to log in with some authenticators."""
        rows = [{"user_id": key, "plugin": name} for key in user_ids for name in sorted(plugins)]
        for first in range(0, len(rows), CHUNK):
            part = rows[first : first + CHUNK]
            insert_all_unless_there(
                self._connection, tables.admissions, ["user_id", "plugin"], part, _admitted.user_id
            )
