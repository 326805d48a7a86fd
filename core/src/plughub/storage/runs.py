"""Queries for the runs of servers, for usage accounting."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from plughub.domain.activity_charts import ActivityBucket, Span
from plughub.domain.servers import Status
from plughub.domain.usage import (
    GIB,
    HOUR,
    Outcome,
    Run,
    RunStart,
    UsageKey,
    UsageQuery,
    UsageReport,
    UsageSum,
    end_of_run,
    report_of,
    sums_by_group,
)
from plughub.storage import tables
from plughub.storage.compiled_query import CompiledQuery, CompiledWrite
from plughub.storage.run_charts import activity_of
from plughub.storage.run_table import runs
from plughub.storage.statements import insert_unless_taken

CHUNK: Final = 500
"""Keys in one statement."""
_run = runs.c
_OPEN = _run.ended.is_(None)
_OPEN_OF = CompiledQuery(
    select(_run.id, _run.seen, _run.started).where(_OPEN, _run.spawner_id == bindparam("key"))
)
_READY = CompiledWrite(
    update(runs)
    .where(_OPEN, _run.spawner_id == bindparam("key"))
    .values(started=func.coalesce(_run.started, bindparam("at")), seen=bindparam("at"))
)
_RESOURCES = CompiledWrite(update(runs).where(_OPEN, _run.spawner_id == bindparam("key")))
_END = CompiledWrite(update(runs).where(_run.id == bindparam("key"), _OPEN))
_SEEN = update(runs).where(_OPEN, _run.spawner_id.in_(bindparam("keys", expanding=True)))
_ABANDONED = (
    select(_run.spawner_id)
    .outerjoin(tables.spawners, tables.spawners.c.id == _run.spawner_id)
    .outerjoin(tables.server_life, tables.server_life.c.spawner_id == _run.spawner_id)
    .where(
        _OPEN,
        or_(tables.spawners.c.id.is_(None), tables.server_life.c.status == Status.STOPPED.value),
    )
)
_RECENT = select(_run.id).order_by(_run.id.desc()).limit(2000).subquery()
# Only recent runs are searched, so that a rare profile does not read the whole table.
_STARTS = (
    select(_run.started - _run.requested)
    .where(
        _run.id.in_(select(_RECENT.c.id)),
        _run.backend == bindparam("of_backend"),
        _run.profile == bindparam("of_profile"),
        _run.started.is_not(None),
    )
    .order_by(_run.id.desc())
    .limit(bindparam("most"))
)
_COLUMN_OF: Final = {
    UsageKey.USER: _run.username,
    UsageKey.GROUP: _run.user_groups,
    UsageKey.BACKEND: _run.backend,
    UsageKey.PROFILE: _run.profile,
}


class Runs:
    """Runs of servers, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def begin(self, start: RunStart) -> None:
        """Store that a server is being launched; a launch that is repeated continues its run."""
        row = {
            "spawner_id": start.server_id,
            "user_id": start.user_id,
            "username": start.user,
            "server": start.server,
            "user_groups": sorted(start.groups),
            "backend": start.backend,
            "profile": start.profile[:255],
            "requested": start.requested or self._now,
            "admitted": self._now,
            "seen": self._now,
            "outcome": Outcome.OPEN.value,
        }
        insert_unless_taken(self._connection, runs, "id", row)

    def set_resources(self, server_id: int, cpus: float | None, memory: int | None) -> None:
        """Store the CPU cores and the bytes of memory that a server may use; None if unknown."""
        _RESOURCES.run(self._connection, {"key": server_id, "cpus": cpus, "memory": memory})

    def mark_ready(self, server_id: int) -> None:
        """Store that a server is ready."""
        _READY.run(self._connection, {"key": server_id, "at": self._now})

    def mark_seen(self, server_ids: Sequence[int]) -> None:
        """Store that servers are known to run now."""
        for begin in range(0, len(server_ids), CHUNK):
            keys = server_ids[begin : begin + CHUNK]
            self._connection.execute(_SEEN, {"keys": keys, "seen": self._now})

    def end(self, server_id: int, outcome: Outcome, *, last_activity: float = 0) -> None:
        """Store that a server has ended.

        Args:
            server_id: key of the server.
            outcome: how the run ended. One that was never ready has failed, unless it was cancelled.
            last_activity: time of the server's last activity, in seconds since the epoch; 0 for none.
        """
        row = _OPEN_OF.first(self._connection, {"key": server_id})
        if row is None:
            return
        observed = outcome not in {Outcome.DIED, Outcome.LOST} or row.started is None
        if row.started is None:
            outcome = Outcome.CANCELLED if outcome is Outcome.STOPPED else Outcome.FAILED
        at = end_of_run(self._now, row.seen, last_activity, observed=observed)
        _END.run(self._connection, {"key": row.id, "ended": at, "outcome": outcome.value})

    def end_abandoned(self) -> None:
        """End the runs whose servers were deleted, or have ended without a note."""
        for key in self._connection.execute(_ABANDONED).scalars().all():
            self.end(key, Outcome.LOST)

    def purge(self, before: float) -> int:
        """Delete runs that ended before a time, and return their number."""
        return self._connection.execute(delete(runs).where(_run.ended < before)).rowcount

    def report(self, query: UsageQuery, by: UsageKey) -> UsageReport:
        """Sum the usage of a period."""
        seconds = _seconds(query, self._now)
        column = _COLUMN_OF[by]
        wanted = (
            select(
                column.label("name"),
                func.count().label("runs"),
                func.sum(seconds).label("seconds"),
                func.sum(seconds * func.coalesce(_run.cpus, 0.0)).label("cpus"),
                func.sum(seconds * func.coalesce(_run.memory, 0) / float(GIB)).label("memory"),
            )
            .where(_run.started.is_not(None), *_conditions(query))
            .group_by(column)
        )
        rows = [(row.name, _sum(row)) for row in self._connection.execute(wanted)]
        if by is UsageKey.GROUP:
            return sums_by_group((groups or (), usage) for groups, usage in rows)
        return report_of(dict(rows), [usage for _, usage in rows])

    def page(self, query: UsageQuery, offset: int, limit: int) -> list[Run]:
        """List runs that overlap with a period, the newest first."""
        wanted = select(runs).where(*_conditions(query)).order_by(_run.id.desc()).offset(offset).limit(limit)
        return [_read(row) for row in self._connection.execute(wanted)]

    def before(self, query: UsageQuery, run_id: int, limit: int) -> list[Run]:
        """List runs with smaller numbers than a run (0 for the newest), the newest first."""
        wanted = select(runs).where(*_conditions(query)).order_by(_run.id.desc()).limit(limit)
        if run_id:
            wanted = wanted.where(_run.id < run_id)
        return [_read(row) for row in self._connection.execute(wanted)]

    def start_durations(self, backend: str, profile: str, *, limit: int) -> list[float]:
        """Return how many seconds the newest successful starts of a backend and a profile took."""
        keys = {"of_backend": backend, "of_profile": profile, "most": limit}
        return list(self._connection.execute(_STARTS, keys).scalars())

    def activity(self, span: Span) -> list[ActivityBucket]:
        """Return the activity of the hub in each interval of a period up to now, the oldest first."""
        return activity_of(self._connection, span, self._now)

    def count(self, query: UsageQuery) -> int:
        """Count the runs of all pages."""
        counted = select(func.count()).select_from(runs).where(*_conditions(query))
        return int(self._connection.execute(counted).scalar_one())


def _seconds(query: UsageQuery, now: float) -> ColumnElement[float]:
    """Return the seconds of a run that are within the period."""
    end = func.coalesce(_run.ended, now)
    last = case((end < query.until, end), else_=literal(query.until))
    first = case((_run.started > query.since, _run.started), else_=literal(query.since))
    return case((last > first, last - first), else_=literal(0.0))


def _conditions(query: UsageQuery) -> list[ColumnElement[bool]]:
    begin = func.coalesce(_run.started, _run.admitted)
    conditions = [begin < query.until, or_(_OPEN, _run.ended >= query.since)]
    equal = {_run.username: query.user, _run.backend: query.backend, _run.profile: query.profile}
    conditions += [column == value for column, value in equal.items() if value]
    if not query.within.everything:
        conditions.append(_visible(query.within.users, query.within.groups))
    return conditions


def _visible(users: Collection[str], groups: Collection[str]) -> ColumnElement[bool]:
    """Return the condition for runs of some users, and of the present members of some groups."""
    members = (
        select(tables.user_group_map.c.user_id)
        .join(tables.groups, tables.groups.c.id == tables.user_group_map.c.group_id)
        .where(tables.groups.c.name.in_(groups))
    )
    return or_(_run.username.in_(users), _run.user_id.in_(members))


def _sum(row: Row[Any]) -> UsageSum:
    return UsageSum(
        key=row.name if isinstance(row.name, str) else "",
        runs=row.runs,
        hours=float(row.seconds) / HOUR,
        cpu_hours=float(row.cpus) / HOUR,
        memory_hours=float(row.memory) / HOUR,
    )


def _read(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        user=row.username,
        server=row.server,
        groups=tuple(row.user_groups or ()),
        backend=row.backend,
        profile=row.profile,
        requested=row.requested,
        admitted=row.admitted,
        started=row.started,
        ended=row.ended,
        outcome=Outcome(row.outcome),
        cpus=row.cpus,
        memory=row.memory,
    )
