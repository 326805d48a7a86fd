"""Statistics and problems of the whole hub; each query returns few rows, however many servers there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, ScalarSelect, bindparam, case, func, select

from plughub.domain.hub_counts import DEFAULT_WINDOW, PERIODS, WINDOW, HubCounts
from plughub.domain.roles import ADMIN_ROLE
from plughub.domain.servers import OperationKind, Phase, Status
from plughub.domain.usage import Outcome
from plughub.storage import tables
from plughub.storage.run_table import runs

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

_life, _ops, _run = tables.server_life.c, tables.operations.c, runs.c
_RUNS: Final = _life.status == Status.RUNNING.value


def _servers(column: Any) -> Any:
    return (
        select(_life.backend, _life.host, func.count().label("count"), func.min(column).label("reason"))
        .where(_RUNS, column != "")
        .group_by(_life.backend, _life.host)
    )


_UNKNOWN, _UNREACHABLE = _servers(_life.unknown), _servers(_life.unreachable)
_STUCK = (
    select(
        _ops.backend,
        _ops.host,
        func.count().label("count"),
        func.min(_ops.trouble).label("reason"),
        func.min(_ops.phase_since).label("since"),
    )
    .where(_OPEN, _ops.trouble.is_not(None), _ops.trouble != "", _ops.holder == "")
    .group_by(_ops.backend, _ops.host)
)
_OLDEST_QUEUED = select(func.count().label("count"), func.min(_ops.created).label("since")).where(
    _OPEN, _ops.kind == OperationKind.START.value, _ops.phase == Phase.QUEUED.value
)
_FAILED = func.sum(case((_run.outcome == Outcome.FAILED.value, 1), else_=0))
_RECENT_STARTS = (
    select(_run.backend, func.count().label("count"), _FAILED.label("failed"))
    .where(_run.admitted >= bindparam("since"), (_run.started.is_not(None)) | (_run.outcome != ""))
    .where(_run.outcome != Outcome.CANCELLED.value)
    .group_by(_run.backend)
)
_AN_ADMIN = (
    select(tables.user_role_map.c.user_id)
    .join(tables.roles, tables.roles.c.id == tables.user_role_map.c.role_id)
    .where(tables.roles.c.name == ADMIN_ROLE)
    .limit(1)
)
_AN_ADMIN_BY_GROUP = (
    select(tables.group_role_map.c.group_id)
    .join(tables.roles, tables.roles.c.id == tables.group_role_map.c.role_id)
    .where(tables.roles.c.name == ADMIN_ROLE)
    .limit(1)
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemGroup:
    """Servers or operations of a plugin on a machine that have the same kind of problem.

    Attributes:
        backend: the plugin.
        host: the machine; empty if the plugin is not bound to one.
        count: how many they are.
        reason: reason of one of them.
        since: when the first began, in seconds since the epoch; None if unknown.
    """

    backend: str
    host: str
    count: int
    reason: str
    since: float | None = None


class HubProblems:
    """Problems in the database, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def unknown_servers(self) -> list[ProblemGroup]:
        """Return running servers whose status is unknown."""
        return self._groups(_UNKNOWN)

    def unreachable_servers(self) -> list[ProblemGroup]:
        """Return running servers without a route."""
        return self._groups(_UNREACHABLE)

    def stuck_operations(self) -> list[ProblemGroup]:
        """Return postponed operations, which wait for their next attempt."""
        return self._groups(_STUCK)

    def queue(self) -> tuple[int, float]:
        """Return the number of queued starts, and when the oldest was requested (0 for none)."""
        row = self._connection.execute(_OLDEST_QUEUED).one()
        return row._mapping["count"], row.since or 0.0  # noqa: SLF001 - public in SQLAlchemy

    def recent_starts(self, since: float) -> dict[str, tuple[int, int]]:
        """Return, by plugin, how many starts ended since a time, and how many of them failed."""
        rows = self._connection.execute(_RECENT_STARTS, {"since": since})
        return {row.backend: (row._mapping["count"], row.failed or 0) for row in rows}  # noqa: SLF001 - likewise

    def has_admin(self) -> bool:
        """Return whether any user or group has the admin role."""
        return any(
            self._connection.execute(query).first() is not None for query in (_AN_ADMIN, _AN_ADMIN_BY_GROUP)
        )

    def _groups(self, query: Any) -> list[ProblemGroup]:
        rows = self._connection.execute(query).mappings()
        return [ProblemGroup(**{**row, "reason": row["reason"] or ""}) for row in rows]
