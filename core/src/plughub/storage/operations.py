"""What is being done to servers, and who does it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Subquery,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from plughub.domain.errors import ConflictError
from plughub.domain.servers import (
    FIRST_PHASE,
    NEXT_PHASES,
    Failure,
    Operation,
    OperationKind,
    Phase,
    ServerRecord,
)
from plughub.storage import tables
from plughub.storage.failures import pack_failure, unpack_failure

_ops = tables.operations.c
OPEN: Final = _ops.finished.is_(None)
_QUEUED: Final = _ops.phase == Phase.QUEUED.value
_ADMISSION_LOCK: Final = 7_044_001
"""Any number, the same in all processes: PostgreSQL's name for the lock around admissions."""


class Operations:
    """Operations, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def begin(
        self,
        server: ServerRecord,
        kind: OperationKind,
        *,
        backend: str,
        host: str = "",
        requested_by: str = "",
        now: bool = False,
        remove: bool = False,
        failure: Failure | None = None,
    ) -> Operation:
        """Write an operation down. A server has one at a time: a second raises ConflictError."""
        key = uuid.uuid4().hex
        values = {
            "id": key,
            "spawner_id": server.id,
            "user_id": server.user_id,
            "kind": kind.value,
            "phase": FIRST_PHASE[kind].value,
            "backend": backend,
            "host": host,
            "created": self._now,
            "phase_since": self._now,
            "requested_by": requested_by,
            "now": now,
            "remove": remove,
            "failure": pack_failure(failure),
            "progress": [],
        }
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(tables.operations).values(values))
        except IntegrityError as error:
            raise ConflictError(f"something is being done to {server.full_name} already") from error
        operation = self.get(key)
        assert operation is not None
        return operation

    def get(self, operation_id: str) -> Operation | None:
        """Find an operation, finished ones too."""
        row = self._connection.execute(select(tables.operations).where(_ops.id == operation_id)).one_or_none()
        return self._operation(row) if row is not None else None

    def admit(self, limit: int) -> int:
        """Let queued starts begin, fairly, as long as fewer than the limit (0: any number) go on."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADMISSION_LOCK})
        queue = _queue()
        waiting = select(queue.c.id).order_by(queue.c.turn, queue.c.created, queue.c.id)
        if limit:
            going_on = self._connection.execute(
                select(func.count()).where(OPEN, _ops.kind == OperationKind.START.value, ~_QUEUED)
            ).scalar_one()
            waiting = waiting.limit(max(0, limit - going_on))
        turns = self._connection.execute(waiting).scalars().all()
        # One that is being withdrawn is passed over, not waited for: who withdraws it may wait for us.
        still = select(_ops.id).where(_ops.id.in_(turns), _QUEUED).with_for_update(skip_locked=True)
        admitted = self._connection.execute(still).scalars().all() if turns else []
        if admitted:
            self._connection.execute(
                update(tables.operations)
                .where(_ops.id.in_(admitted))
                .values(phase=Phase.LAUNCH.value, phase_since=self._now)
            )
        return len(admitted)

    def claim(
        self,
        holder: str,
        *,
        host: str,
        backends: Collection[str],
        lease: float,
        limit: int,
        besides: Collection[str] = (),
    ) -> list[Operation]:
        """Take operations that nobody holds, for a lease in seconds, besides some ids."""
        free: Select[Any] = (
            select(_ops.id)
            .where(
                OPEN,
                ~_QUEUED,
                _ops.lease_until < self._now,
                _ops.host.in_(["", host]),
                _ops.backend.in_(backends),
                _ops.id.not_in(besides),
            )
            .order_by(_ops.created)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        keys = self._connection.execute(free).scalars().all()
        if not keys:
            return []
        self._connection.execute(
            update(tables.operations)
            .where(_ops.id.in_(keys))
            .values(holder=holder, lease_until=self._now + lease, attempts=_ops.attempts + 1)
        )
        rows = self._connection.execute(
            select(tables.operations).where(_ops.id.in_(keys)).order_by(_ops.created)
        )
        return [self._operation(row) for row in rows]

    def renew(self, holder: str, lease: float, operation_ids: Collection[str]) -> dict[str, bool]:
        """Renew the leases that nobody else took; answers the ids, and whether each was cancelled."""
        # One that ran out is renewed too: as long as the holder is the same, nobody else has touched it.
        rows = self._connection.execute(
            update(tables.operations)
            .where(OPEN, _ops.holder == holder, _ops.id.in_(operation_ids))
            .values(lease_until=self._now + lease)
            .returning(_ops.id, _ops.cancelled)
        )
        return {row.id: row.cancelled for row in rows}

    def anything_free(self) -> bool:
        """Tell whether something waits in the queue or is held by nobody."""
        found = select(_ops.id).where(OPEN, or_(_QUEUED, _ops.lease_until < self._now)).limit(1)
        return self._connection.execute(found).first() is not None

    def withdraw(self, operation_id: str) -> bool:
        """End a start that still waits in the queue; False when it does not wait any more."""
        ended = self._connection.execute(
            update(tables.operations)
            .where(_ops.id == operation_id, OPEN, _QUEUED)
            .values(phase=Phase.DONE.value, phase_since=self._now, finished=self._now, cancelled=True)
        )
        return ended.rowcount == 1

    def release(self, holder: str) -> None:
        """Give up every lease."""
        self._connection.execute(
            update(tables.operations).where(_ops.holder == holder, OPEN).values(holder="", lease_until=0)
        )

    def advance(
        self, operation_id: str, holder: str, phase: Phase, *, failure: Failure | None = None
    ) -> bool:
        """Write down the next phase; False when the lease was lost, and nothing is written."""
        values: dict[str, Any] = {"phase": phase.value, "phase_since": self._now}
        if failure is not None:
            values["failure"] = pack_failure(failure)
        if phase is Phase.DONE:
            values |= {"finished": self._now, "holder": "", "lease_until": 0}
        came_from = [before.value for before, after in NEXT_PHASES.items() if phase in after]
        return self._update_held(operation_id, holder, values, _ops.phase.in_(came_from))

    def bind(self, operation_id: str, holder: str, host: str) -> bool:
        """Bind an operation to a machine; False when the lease was lost."""
        return self._update_held(operation_id, holder, {"host": host})

    def holds(self, operation_id: str, holder: str) -> bool:
        """Tell whether a process holds an operation."""
        mine = (_ops.id == operation_id, _ops.holder == holder, _ops.lease_until >= self._now, OPEN)
        # Locked: nobody takes it up before what depends on this answer is written.
        return self._connection.execute(select(_ops.id).where(*mine).with_for_update()).first() is not None

    def cancel(self, operation_id: str) -> bool:
        """Ask a start to end; False when it is done already."""
        asked = self._connection.execute(
            update(tables.operations).where(_ops.id == operation_id, OPEN).values(cancelled=True)
        )
        return asked.rowcount == 1

    def remove_at_end(self, operation_id: str) -> bool:
        """Have the server forgotten when an operation ends; False when it is done already."""
        asked = self._connection.execute(
            update(tables.operations).where(_ops.id == operation_id, OPEN).values(remove=True)
        )
        return asked.rowcount == 1

    def is_cancelled(self, operation_id: str) -> bool:
        """Tell whether a stop was asked for while it started."""
        found = select(_ops.cancelled).where(_ops.id == operation_id)
        return bool(self._connection.execute(found).scalar_one_or_none())

    def report(self, operation_id: str, progress: Sequence[Mapping[str, Any]]) -> None:
        """Store what was reported."""
        self._connection.execute(
            update(tables.operations)
            .where(_ops.id == operation_id)
            .values(progress=[dict(step) for step in progress])
        )

    def purge(self, older_than: float) -> int:
        """Forget operations that ended before a time, in seconds since the epoch."""
        gone = self._connection.execute(delete(tables.operations).where(_ops.finished < older_than))
        return gone.rowcount

    def _update_held(self, operation_id: str, holder: str, values: Mapping[str, Any], *further: Any) -> bool:
        result = self._connection.execute(
            update(tables.operations)
            .where(
                _ops.id == operation_id, _ops.holder == holder, _ops.lease_until >= self._now, OPEN, *further
            )
            .values(values)
        )
        return result.rowcount == 1

    def _operation(self, row: Row[Any]) -> Operation:
        places = self.places([row.id] if row.phase == Phase.QUEUED.value else [])
        return read_operation(row, places.get(row.id))

    def places(self, operation_ids: Sequence[str]) -> dict[str, int]:
        """Tell the places of starts that wait, 1 for the next."""
        if not operation_ids:
            return {}
        rows = self._connection.execute(_PLACES, {"keys": operation_ids})
        return {row.id: row.place for row in rows}


def _queue() -> Subquery:
    # A user's second start waits behind everybody's first, the third behind everybody's second.
    turn = func.row_number().over(partition_by=_ops.user_id, order_by=(_ops.created, _ops.id))
    return select(_ops.id, _ops.created, turn.label("turn")).where(OPEN, _QUEUED).subquery()


def _places() -> Select[Any]:
    queue = _queue()
    place = func.row_number().over(order_by=(queue.c.turn, queue.c.created, queue.c.id)).label("place")
    line = select(queue.c.id, place).subquery()
    return select(line).where(line.c.id.in_(bindparam("keys", expanding=True)))


_PLACES: Final = _places()


def read_operation(row: Row[Any], place: int | None = None, prefix: str = "") -> Operation:
    """Make an operation of a row.

    Args:
        row: all columns of the table.
        place: its place in the queue.
        prefix: begins the names of the columns.

    Returns:
        The operation.
    """
    values = {column: getattr(row, f"{prefix}{column}") for column in tables.operations.c.keys()}  # noqa: SIM118
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
        progress=tuple(values["progress"] or ()),
    )
