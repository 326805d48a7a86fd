"""Statistics of the whole hub, read by one query."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, ScalarSelect, bindparam, func, select

from plughub.domain.hub_counts import DEFAULT_WINDOW, PERIODS, WINDOW, HubCounts
from plughub.domain.servers import OperationKind, Phase, Status
from plughub.storage import tables

_OPEN: Final = tables.operations.c.finished.is_(None)
_QUEUED: Final = tables.operations.c.phase == Phase.QUEUED.value


def _count(table: Any, *conditions: Any) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(*conditions).scalar_subquery()


_ACTIVE_USERS: Final = tuple(
    _count(tables.users, tables.users.c.last_activity >= bindparam(f"since_{period}")).label(period)
    for period in (*PERIODS, WINDOW)
)
_LOOK: Final = select(
    _count(tables.users).label("users"),
    _count(tables.server_life, tables.server_life.c.status == Status.RUNNING.value).label("running"),
    _count(tables.operations, _OPEN, _QUEUED).label("queued"),
    *(
        _count(tables.operations, _OPEN, tables.operations.c.kind == kind.value).label(kind.value)
        for kind in OperationKind
    ),
)
_LOOK_AT_ALL: Final = _LOOK.add_columns(*_ACTIVE_USERS)


def count(
    connection: Connection, now: datetime, *, active_users: bool = True, window: timedelta = DEFAULT_WINDOW
) -> HubCounts:
    """Return the statistics.

    Args:
        connection: connection of the transaction.
        now: end of the periods.
        active_users: whether to count active users.
        window: length of the period `WINDOW`.
    """
    periods = {**PERIODS, WINDOW: window} if active_users else {}
    since = {f"since_{period}": now - length for period, length in periods.items()}
    found = connection.execute(_LOOK_AT_ALL if active_users else _LOOK, since).one()
    row = found._mapping  # noqa: SLF001 - public in SQLAlchemy
    return HubCounts(
        users=row["users"],
        active_users={period: row[period] for period in periods},
        running_servers=row["running"],
        starts_queued=row["queued"],
        operations={kind.value: row[kind.value] for kind in OperationKind},
    )
