"""Queue of starts, and conversion of rows to operations."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, bindparam, case, func, select

from plughub.domain.servers import Operation, OperationKind, Phase
from plughub.storage import tables
from plughub.storage.compiled_query import CompiledQuery
from plughub.storage.failures import unpack_failure
from plughub.storage.progress import unpack_progress

_ops = tables.operations.c
_COLUMNS: Final = tuple(tables.operations.c.keys())
OPEN: Final = _ops.finished.is_(None)
"""Condition for operations that have not ended."""
QUEUED: Final = _ops.phase == Phase.QUEUED.value
"""Condition for starts that are queued."""


# Each start of a user is one round later than their previous one, and no start joins a round that has
# begun. Many starts of one user thus do not delay others, and the first start of a user is never overtaken.
_ROUND = func.coalesce(_ops.turn, 0)
_ORDER = (_ROUND, _ops.created, _ops.id)


def _turns() -> Select[Any]:
    return select(_ops.id).where(OPEN, QUEUED).order_by(*_ORDER).limit(bindparam("most"))


def _next_turn() -> Any:
    own = func.max(case((_ops.user_id == bindparam("of_user"), _ROUND)))
    begun = func.max(case((~QUEUED, _ROUND)))
    waiting = func.min(case((QUEUED, _ROUND)))
    # An undo does not count against the limit of starts: it may wait long for a broken engine.
    counts = ~QUEUED & (_ops.phase != Phase.UNDO.value)
    in_progress = func.count(case((counts, _ops.id)))
    starts = (OPEN, _ops.kind == OperationKind.START.value)
    return select(
        own.label("own"),
        begun.label("begun"),
        waiting.label("waiting"),
        in_progress.label("in_progress"),
    ).where(*starts)


def _places() -> Select[Any]:
    place = func.row_number().over(order_by=_ORDER).label("place")
    line = select(_ops.id, place).where(OPEN, QUEUED).subquery()
    return select(line).where(line.c.id.in_(bindparam("keys", expanding=True)))


class QueueState(NamedTuple):
    """Queue as a new start of a user finds it.

    Attributes:
        turn: round of the new start; smaller rounds come first.
        is_waiting: whether any start is queued.
        in_progress: starts that count against the limit of concurrent starts.
    """

    turn: int
    is_waiting: bool
    in_progress: int


def read_queue(connection: Connection, user_id: int) -> QueueState:
    """Read the queue for a new start of a user."""
    row = _NEXT_TURN.first(connection, {"of_user": user_id})
    begun = max(row.begun or 0, (row.waiting or 1) - 1)
    return QueueState(int(max(row.own or 0, begun)) + 1, row.waiting is not None, int(row.in_progress))


_NEXT_TURN: Final = CompiledQuery(_next_turn())
TURNS: Final = _turns()
"""Ids of queued starts, the next first; parameter ``most``."""
PLACES: Final = _places()
"""Id and place of queued starts; parameter ``keys``."""


def read_operation(row: Any, place: int | None = None, prefix: str = "") -> Operation:
    """Convert a row to an operation.

    Args:
        row: row with all columns of the table.
        place: its place in the queue.
        prefix: prefix of the column names.
    """
    values = {column: getattr(row, f"{prefix}{column}") for column in _COLUMNS}
    problem = values["trouble"] or ""
    return Operation(
        id=values["id"],
        server_id=values["spawner_id"],
        kind=OperationKind(values["kind"]),
        phase=Phase(values["phase"]),
        backend=values["backend"],
        host=values["host"],
        created=values["created"],
        attempts=values["attempts"],
        cancelled=values["cancelled"],
        now=values["now"],
        remove=values["remove"],
        requested_by=values["requested_by"],
        failure=unpack_failure(values["failure"]),
        place=place,
        problem=problem,
        retry_at=values["lease_until"] if problem and not values["holder"] else 0,
        progress=unpack_progress(values["progress"]),
        options_before=values["options_before"],
        posted=values["posted"] or {},
    )
