"""Counts of wrong passwords, shared by all hub processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, delete, func, select

from plughub.domain.login_throttle import AttemptRecord
from plughub.storage import tables
from plughub.storage.statements import insert_unless_there, upsert

_tries = tables.login_attempts.c


class LoginAttempts:
    """Counts of wrong passwords, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, keys: Sequence[str]) -> dict[str, AttemptRecord]:
        """Return the known counts of some keys."""
        return self._select(keys, lock=False)

    def lock(self, keys: Sequence[str]) -> dict[str, AttemptRecord]:
        """Return counts and lock their rows until the transaction ends; unknown keys get a row."""
        for key in sorted(keys):
            insert_unless_there(
                self._connection, tables.login_attempts, {"key": key}, **asdict(AttemptRecord())
            )
        return self._select(keys, lock=True)

    def put(self, counts: Mapping[str, AttemptRecord]) -> None:
        """Store counts."""
        for key in sorted(counts):
            upsert(self._connection, tables.login_attempts, {"key": key}, **asdict(counts[key]))

    def purge(self, before: float, known_before: float, most: int) -> None:
        """Delete counts unchanged since a time, and the oldest ones beyond a limit."""
        table = tables.login_attempts
        self._connection.execute(delete(table).where(_tries.at < before, _tries.known < known_before))
        rows = int(self._connection.execute(select(func.count()).select_from(table)).scalar_one())
        if rows > most:
            oldest = select(_tries.key).order_by(_tries.known > 0, _tries.at).limit(rows - most)
            self._connection.execute(delete(table).where(_tries.key.in_(oldest)))

    def _select(self, keys: Sequence[str], *, lock: bool) -> dict[str, AttemptRecord]:
        wanted = select(tables.login_attempts).where(_tries.key.in_(keys)).order_by(_tries.key)
        rows = self._connection.execute(wanted.with_for_update() if lock else wanted)
        return {
            key: AttemptRecord(count=count, at=at, until=until, turn=turn, known=known)
            for key, count, at, until, turn, known in rows
        }
