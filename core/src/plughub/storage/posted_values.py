"""Values that starting servers post for their spawners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from plughub.domain.servers import OperationKind, Phase
from plughub.storage import tables
from plughub.storage.operation_queue import OPEN

_ops = tables.operations.c
_LAUNCHING = (
    select(_ops.id, _ops.posted)
    .where(
        OPEN,
        _ops.spawner_id == bindparam("of_server"),
        _ops.kind == OperationKind.START.value,
        _ops.phase == Phase.LAUNCH.value,
    )
    .with_for_update()
)
_SET = update(tables.operations).where(_ops.id == bindparam("key")).values(posted=bindparam("values"))


class PostedValues:
    """Posted values, on one connection. They are stored with the start, and deleted with it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, server_id: int, values: Mapping[str, Any]) -> bool:
        """Add values to those of the start that launches a server; False if no start does."""
        row = self._connection.execute(_LAUNCHING, {"of_server": server_id}).one_or_none()
        if row is None:
            return False
        self._set(row.id, {**(row.posted or {}), **values})
        return True

    def clear(self, operation_id: str) -> None:
        """Delete the values of a start, which launches its server again."""
        self._set(operation_id, None)

    def _set(self, operation_id: str, values: Mapping[str, Any] | None) -> None:
        self._connection.execute(_SET, {"key": operation_id, "values": values})
