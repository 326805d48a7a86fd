"""Pending deletions of users, stored before their first step so that another process can continue them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, select, update

from plughub.storage import tables
from plughub.storage.compiled_query import CompiledQuery
from plughub.storage.statements import insert_unless_there

_pending = tables.pending_deletions.c
_IS_PENDING = CompiledQuery(select(_pending.user_id).where(_pending.user_id == bindparam("key")))


class PendingDeletions:
    """Pending deletions, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def begin(self, user_id: int, *, holder: str, requested_by: str) -> bool:
        """Store a pending deletion; False if there is one already."""
        facts = {"holder": holder, "requested_by": requested_by, "since": self._now}
        return insert_unless_there(self._connection, tables.pending_deletions, {"user_id": user_id}, **facts)

    def is_pending(self, user_id: int) -> bool:
        """Return whether a user has a pending deletion."""
        return _IS_PENDING.first(self._connection, {"key": user_id}) is not None

    def cancel(self, user_id: int) -> None:
        """Cancel a pending deletion."""
        self._connection.execute(delete(tables.pending_deletions).where(_pending.user_id == user_id))

    def take_abandoned(self, holder: str, live_hubs: Collection[str], busy: Collection[int]) -> list[int]:
        """Take over deletions of dead holders, except those of busy users; return the keys of the users."""
        interrupted = (_pending.holder == holder) & _pending.user_id.not_in(busy)
        lost = _pending.holder.not_in(live_hubs) | interrupted
        taken = update(tables.pending_deletions).where(lost).values(holder=holder).returning(_pending.user_id)
        return sorted(self._connection.execute(taken).scalars())
