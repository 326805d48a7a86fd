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
_leaving = tables.pending_deletions.c
_done = tables.operations.alias("done")


def _look(at: ColumnElement[float]) -> Select[Any]:
    free = case((or_(QUEUED, _ops.lease_until < at), 1), else_=0)
    return select(
        func.count().label("under_way"),
        func.max(free).label("free"),
        select(func.max(_done.c.finished)).scalar_subquery().label("last_done"),
        select(func.count(_hubs.id)).scalar_subquery().label("hubs"),
        select(func.max(_hubs.started)).scalar_subquery().label("last_joined"),
        select(func.count(_leaving.user_id)).scalar_subquery().label("leaving"),
        at.label("at"),
    ).where(OPEN)


_MOTION: Final = _look(bindparam("at", type_=Float))
_MOTION_BY_ITS_CLOCK: Final = _look(func.extract("epoch", func.clock_timestamp()).cast(Float))


def look_at_motion(connection: Connection) -> ActivitySnapshot:
    """Read the activity snapshot."""
    if connection.dialect.name == "postgresql":
        row = connection.execute(_MOTION_BY_ITS_CLOCK).one()
    else:
        row = connection.execute(_MOTION, {"at": time.time()}).one()
    return ActivitySnapshot(
        under_way=row.under_way,
        free=bool(row.free),
        last_done=row.last_done or 0.0,
        hubs=row.hubs,
        last_joined=row.last_joined or 0.0,
        leaving=row.leaving,
        at=row.at,
    )
