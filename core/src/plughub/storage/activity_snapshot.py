"""Query for the activity snapshot and the database's time: one statement, because it runs twice a second."""

from __future__ import annotations

import time
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Float, Select, bindparam, case, func, or_, select

from plughub.domain.activity_snapshot import ActivitySnapshot
from plughub.storage import tables
from plughub.storage.operation_queue import OPEN, QUEUED

_ops = tables.operations.c
_hubs = tables.hubs.c
_pending = tables.pending_deletions.c
_done = tables.operations.alias("done")


def _live(at: ColumnElement[float]) -> ColumnElement[int]:
    alive = _hubs.seen >= at - bindparam("alive_seconds", type_=Float)
    return select(func.count(_hubs.id)).where(alive).scalar_subquery()


def _snapshot_at(at: ColumnElement[float]) -> Select[Any]:
    has_unclaimed = case((or_(QUEUED, _ops.lease_until < at), 1), else_=0)
    return select(
        func.count().label("open_operations"),
        func.max(has_unclaimed).label("has_unclaimed"),
        select(func.max(_done.c.finished)).scalar_subquery().label("last_done"),
        select(func.count(_hubs.id)).scalar_subquery().label("hubs"),
        select(func.max(_hubs.started)).scalar_subquery().label("last_hub_started"),
        _live(at).label("live_hubs"),
        select(func.count(_pending.user_id)).scalar_subquery().label("pending_deletions"),
        at.label("at"),
    ).where(OPEN)


_SNAPSHOT: Final = _snapshot_at(bindparam("at", type_=Float))
_SNAPSHOT_BY_DATABASE_CLOCK: Final = _snapshot_at(func.extract("epoch", func.clock_timestamp()).cast(Float))


def read_activity_snapshot(connection: Connection, alive_seconds: float) -> ActivitySnapshot:
    """Read the activity snapshot; hub processes live for so many seconds after a heartbeat."""
    if connection.dialect.name == "postgresql":
        row = connection.execute(_SNAPSHOT_BY_DATABASE_CLOCK, {"alive_seconds": alive_seconds}).one()
    else:
        row = connection.execute(_SNAPSHOT, {"at": time.time(), "alive_seconds": alive_seconds}).one()
    return ActivitySnapshot(
        open_operations=row.open_operations,
        has_unclaimed=bool(row.has_unclaimed),
        last_done=row.last_done or 0.0,
        hubs=row.hubs,
        live_hubs=row.live_hubs,
        last_hub_started=row.last_hub_started or 0.0,
        pending_deletions=row.pending_deletions,
        at=row.at,
    )
