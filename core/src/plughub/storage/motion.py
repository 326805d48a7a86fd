"""What goes on in the hub, by one statement: it is asked twice a second."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, case, func, or_, select

from plughub.domain.motion import Motion
from plughub.storage import tables
from plughub.storage.queueing import OPEN, QUEUED

_ops = tables.operations.c
_hubs = tables.hubs.c
_done = tables.operations.alias("done")
_FREE: Final = case((or_(QUEUED, _ops.lease_until < bindparam("at")), 1), else_=0)
_MOTION: Final = select(
    func.count().label("under_way"),
    func.max(_FREE).label("free"),
    select(func.max(_done.c.finished)).scalar_subquery().label("last_done"),
    select(func.count(_hubs.id)).scalar_subquery().label("hubs"),
    select(func.max(_hubs.started)).scalar_subquery().label("last_joined"),
).where(OPEN)


def look_at_motion(connection: Connection, now: float) -> Motion:
    """Look at what goes on.

    Args:
        connection: where.
        now: seconds since the epoch, by the database's clock.

    Returns:
        What goes on.
    """
    row = connection.execute(_MOTION, {"at": now}).one()
    return Motion(
        under_way=row.under_way,
        free=bool(row.free),
        last_done=row.last_done or 0.0,
        hubs=row.hubs,
        last_joined=row.last_joined or 0.0,
    )
