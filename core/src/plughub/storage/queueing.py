"""The queue of starts, and operations as they lie in rows."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, Select, Subquery, bindparam, func, select

from plughub.domain.servers import Operation, OperationKind, Phase
from plughub.storage import tables
from plughub.storage.failures import unpack_failure

_ops = tables.operations.c
_COLUMNS: Final = tuple(tables.operations.c.keys())
OPEN: Final = _ops.finished.is_(None)
"""What is not done."""
QUEUED: Final = _ops.phase == Phase.QUEUED.value
"""What waits for its turn."""


def _queue() -> Subquery:
    # A user's second start waits behind everybody's first, the third behind everybody's second.
    turn = func.row_number().over(partition_by=_ops.user_id, order_by=(_ops.created, _ops.id))
    return select(_ops.id, _ops.created, turn.label("turn")).where(OPEN, QUEUED).subquery()


def _turns() -> Select[Any]:
    queue = _queue()
    waiting = select(queue.c.id).order_by(queue.c.turn, queue.c.created, queue.c.id)
    return waiting.limit(bindparam("most"))


def _places() -> Select[Any]:
    queue = _queue()
    place = func.row_number().over(order_by=(queue.c.turn, queue.c.created, queue.c.id)).label("place")
    line = select(queue.c.id, place).subquery()
    return select(line).where(line.c.id.in_(bindparam("keys", expanding=True)))


TURNS: Final = _turns()
"""Ids of what waits, the next first; parameter ``most``."""
PLACES: Final = _places()
"""Id and place of what waits; parameter ``keys``."""


def read_operation(row: Row[Any], place: int | None = None, prefix: str = "") -> Operation:
    """Make an operation of a row.

    Args:
        row: all columns of the table.
        place: its place in the queue.
        prefix: begins the names of the columns.

    Returns:
        The operation.
    """
    values = {column: getattr(row, f"{prefix}{column}") for column in _COLUMNS}
    trouble = values["trouble"] or ""
    return Operation(
        id=values["id"],
        server_id=values["spawner_id"],
        kind=OperationKind(values["kind"]),
        phase=Phase(values["phase"]),
        backend=values["backend"],
        host=values["host"],
        created=values["created"],
        phase_since=values["phase_since"],
        attempts=values["attempts"],
        cancelled=values["cancelled"],
        now=values["now"],
        remove=values["remove"],
        requested_by=values["requested_by"],
        failure=unpack_failure(values["failure"]),
        place=place,
        trouble=trouble,
        again_at=values["lease_until"] if trouble and not values["holder"] else 0,
        progress=tuple(values["progress"] or ()),
    )
