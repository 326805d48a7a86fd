"""Conditions for active servers: those that run, or have an operation in progress."""

from __future__ import annotations

from typing import Final

from sqlalchemy import literal, or_, select, union_all

from plughub.domain.servers import Status
from plughub.storage import tables
from plughub.storage.operation_queue import OPEN

_life, _ops = tables.server_life.c, tables.operations.c

IS_NOT_STOPPED: Final = _life.status.in_(
    [literal(status.value) for status in Status if status is not Status.STOPPED]
)
"""Condition that an index serves, unlike an inequality. It is unknown for a server that never ran."""
IS_ACTIVE: Final = or_(IS_NOT_STOPPED & _life.status.is_not(None), _ops.id.is_not(None))
"""Condition for a row of a server joined with its open operation."""
ACTIVE_KEYS: Final = union_all(
    select(_life.spawner_id).where(IS_NOT_STOPPED),
    select(_ops.spawner_id).where(OPEN, _ops.spawner_id.is_not(None)),
)
"""Keys of all active servers, found without a look at the stopped ones; a key may occur twice."""
