"""The hub as a whole in a few numbers, counted by one query."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, ScalarSelect, bindparam, func, select

from plughub.domain.numbers import PERIODS, HubNumbers
from plughub.domain.servers import OperationKind, Phase, Status
from plughub.storage import tables

_OPEN: Final = tables.operations.c.finished.is_(None)
_QUEUED: Final = tables.operations.c.phase == Phase.QUEUED.value


def _count(table: Any, *conditions: Any) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(*conditions).scalar_subquery()


_LOOK: Final = select(
    _count(tables.users).label("users"),
    *(
        _count(tables.users, tables.users.c.last_activity >= bindparam(f"since_{period}")).label(period)
        for period in PERIODS
    ),
    _count(tables.server_life, tables.server_life.c.status == Status.RUNNING.value).label("running"),
    _count(tables.operations, _OPEN, _QUEUED).label("queued"),
    *(
        _count(tables.operations, _OPEN, tables.operations.c.kind == kind.value).label(kind.value)
        for kind in OperationKind
    ),
)


def count(connection: Connection, now: datetime) -> HubNumbers:
    """Count.

    Args:
        connection: of the transaction.
        now: the time from which periods reach back.

    Returns:
        The numbers.
    """
    since = {f"since_{period}": now - length for period, length in PERIODS.items()}
    row = connection.execute(_LOOK, since).one()._mapping  # noqa: SLF001 - its public name
    return HubNumbers(
        users=row["users"],
        active_users={period: row[period] for period in PERIODS},
        running_servers=row["running"],
        starts_queued=row["queued"],
        operations={kind.value: row[kind.value] for kind in OperationKind},
    )
