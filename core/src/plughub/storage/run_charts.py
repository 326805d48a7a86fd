"""Queries for the activity of the hub over time; the database makes the sums, for few intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Integer, bindparam, case, cast, func, literal, or_, select

from plughub.domain.activity_charts import ActivityBucket, Span
from plughub.domain.usage import Outcome
from plughub.storage.run_table import runs

_run = runs.c
_WIDTH: Final = bindparam("width", type_=Integer)
_SINCE: Final[Any] = bindparam("since")
_UNTIL: Final[Any] = bindparam("until")


def _bucket(column: Any) -> Any:
    # Integers: SQLite and PostgreSQL round a division of other numbers in different ways.
    return (cast(column - _SINCE, Integer).op("/")(_WIDTH)).label("bucket")


def _starts() -> Any:
    failed = case((_run.outcome == Outcome.FAILED.value, 1), else_=0)
    return (
        select(
            _bucket(_run.admitted),
            func.count().label("starts"),
            func.sum(failed).label("failures"),
            func.max(_run.admitted - _run.requested).label("queued"),
        )
        .where(_run.admitted >= _SINCE, _run.admitted < _UNTIL)
        .group_by("bucket")
    )


def _percentiles() -> Any:
    seconds = _run.started - _run.requested
    ready = (
        select(_bucket(_run.admitted), seconds.label("seconds"))
        .where(_run.admitted >= _SINCE, _run.admitted < _UNTIL, _run.started.is_not(None))
        .subquery()
    )
    ranked = select(
        ready.c.bucket,
        ready.c.seconds,
        func.row_number().over(partition_by=ready.c.bucket, order_by=ready.c.seconds).label("place"),
        func.count().over(partition_by=ready.c.bucket).label("all"),
    ).subquery()
    places = {"median": 50, "slow": 95}

    def at_place(part: int) -> Any:
        place = (ranked.c.all * part + 99) // 100
        return func.max(case((ranked.c.place == place, ranked.c.seconds)))

    return select(
        ranked.c.bucket,
        *(at_place(part).label(name) for name, part in places.items()),
    ).group_by(ranked.c.bucket)


def _users() -> Any:
    numbers = select(literal(0).label("bucket")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.bucket + 1).where(numbers.c.bucket < bindparam("last")))
    recent = (
        select(_run.username, _run.spawner_id, _run.started, _run.ended)
        .where(or_(_run.ended.is_(None), _run.ended >= _SINCE), _run.started < _UNTIL)
        .cte("recent")
    )
    begin = _SINCE + numbers.c.bucket * _WIDTH
    overlaps = (recent.c.started < begin + _WIDTH) & (recent.c.ended.is_(None) | (recent.c.ended >= begin))
    return (
        select(
            numbers.c.bucket,
            func.count(recent.c.username.distinct()).label("users"),
            func.count(recent.c.spawner_id.distinct()).label("servers"),
        )
        .select_from(numbers.join(recent, overlaps))
        .group_by(numbers.c.bucket)
    )


_QUERIES: Final = (_starts(), _percentiles())
_USERS: Final = _users()


def activity_of(connection: Connection, span: Span, now: float) -> list[ActivityBucket]:
    """Return the activity in each interval, the oldest first; the last one contains the present.

    Args:
        connection: connection of the transaction.
        span: the period.
        now: present time.
    """
    width, count = span.bucket_seconds, span.buckets
    # Intervals begin at the same times for all viewers, so that charts do not change their shape.
    since = float((int(now) // width - count + 1) * width)
    period = {"since": since, "until": since + count * width, "width": width}
    facts: list[dict[str, Any]] = [{} for _ in range(count)]
    for query, values in (*((query, period) for query in _QUERIES), (_USERS, {**period, "last": count - 1})):
        for row in connection.execute(query, values).mappings():
            facts[min(max(row["bucket"], 0), count - 1)].update(_known(row))
    return [ActivityBucket(begin=since + place * width, **fact) for place, fact in enumerate(facts)]


def _known(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "bucket" and value is not None}
