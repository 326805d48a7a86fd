"""Queries for operations and the leases of their runners."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Row, bindparam, delete, func, or_, select, update

from plughub.domain.errors import ConflictError
from plughub.domain.servers import (
    FIRST_PHASE,
    NEXT_PHASES,
    Failure,
    Operation,
    OperationKind,
    Phase,
    ProgressReport,
    ServerRecord,
)
from plughub.storage import tables
from plughub.storage.compiled_query import CompiledQuery, CompiledWrite, is_one_of
from plughub.storage.failures import pack_failure
from plughub.storage.operation_queue import OPEN, PLACES, QUEUED, TURNS, read_operation, read_queue
from plughub.storage.progress import pack_progress
from plughub.storage.statements import insert_unless_taken

_ops = tables.operations.c
_ADMISSION_LOCK: Final = 7_044_001
"""Arbitrary key of the PostgreSQL advisory lock for admissions, the same in all processes."""
_TROUBLE: Final = 1000
_ANY_NUMBER: Final = 1_000_000
_CAME_FROM: Final = {
    phase: [before.value for before, after in NEXT_PHASES.items() if phase in after] for phase in Phase
}

# Frequent statements are built once.
_LOCK_ADMISSION = CompiledQuery(select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))))
_ID = _ops.id == bindparam("key")
_HELD = (_ID, _ops.holder == bindparam("by"), _ops.lease_until >= bindparam("at"), OPEN)
_BY_ID = CompiledQuery(select(tables.operations).where(_ID))
_COUNT_STARTS_IN_PROGRESS = select(func.count()).where(
    # An undo does not count against the limit of starts: it may wait long for a broken engine.
    OPEN,
    _ops.kind == OperationKind.START.value,
    _ops.phase.not_in([Phase.QUEUED.value, Phase.UNDO.value]),
)
# Use SKIP LOCKED: waiting for a row that is being withdrawn could deadlock.
_ADMIT = (
    update(tables.operations)
    .where(
        _ops.id.in_(
            select(_ops.id)
            .where(_ops.id.in_(bindparam("turns", expanding=True)), QUEUED)
            .with_for_update(skip_locked=True)
        )
    )
    .returning(_ops.id)
)
_CLAIM = (
    update(tables.operations)
    .where(
        _ops.id.in_(
            select(_ops.id)
            .where(
                OPEN,
                ~QUEUED,
                _ops.lease_until < bindparam("at"),
                _ops.host.in_(bindparam("hosts", expanding=True)),
                _ops.backend.in_(bindparam("backends", expanding=True)),
                _ops.id.not_in(bindparam("besides", expanding=True)),
            )
            .order_by(_ops.created)
            .limit(bindparam("most"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(holder=bindparam("by"), lease_until=bindparam("until"), attempts=_ops.attempts + 1)
    .returning(tables.operations)
)
_RENEW = (
    update(tables.operations)
    .where(OPEN, _ops.holder == bindparam("by"), _ops.id.in_(bindparam("keys", expanding=True)))
    .values(lease_until=bindparam("until"))
    .returning(_ops.id, _ops.cancelled)
)
_ANY_UNCLAIMED = CompiledQuery(
    select(_ops.id).where(OPEN, or_(QUEUED, _ops.lease_until < bindparam("at"))).limit(1)
)
_WITHDRAW = CompiledWrite(update(tables.operations).where(_ID, OPEN, QUEUED))
_CHANGE_OPEN = CompiledWrite(update(tables.operations).where(_ID, OPEN))
_CHANGE_HELD = CompiledWrite(update(tables.operations).where(*_HELD))
_REQUESTS = (_ops.cancelled, _ops.remove)
_ADVANCE = CompiledWrite(
    update(tables.operations).where(*_HELD, is_one_of(_ops.phase, "before")).returning(*_REQUESTS)
)
_RETRY_NOW = CompiledWrite(update(tables.operations).where(_ID, OPEN, _ops.holder == ""))
_RETRY_ALL_NOW = update(tables.operations).where(
    OPEN,
    _ops.holder == "",
    _ops.host.in_(bindparam("hosts", expanding=True)),
    _ops.backend.in_(bindparam("backends", expanding=True)),
)
_CLAIM_ONE = CompiledWrite(update(tables.operations).where(_ID, OPEN, _ops.lease_until < bindparam("at")))
# Lock the row, so that no other runner claims it before the dependent change is written.
_HOLDS = CompiledQuery(select(*_REQUESTS).where(*_HELD).with_for_update())
_REQUESTED = CompiledQuery(select(*_REQUESTS).where(_ID))
_WORK = select(_ops.backend, _ops.host).where(OPEN).distinct()
_FREE_OF = select(tables.operations).where(
    OPEN,
    _ops.backend == bindparam("of_backend"),
    _ops.host == bindparam("of_host"),
    _ops.lease_until < bindparam("at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Process that claims a new operation as it is stored, if the operation need not wait in the queue.

    Attributes:
        holder: id of the process.
        host: its machine.
        backends: plugins whose operations it can execute.
        lease: seconds.
        limit: concurrent starts; 0 for no limit.
        host_bound: plugins whose starts only hub processes of the same machine may continue.
    """

    holder: str
    host: str
    backends: Collection[str]
    lease: float
    limit: int = 0
    host_bound: Collection[str] = ()

    def can_execute(self, backend: str, host: str) -> bool:
        """Return whether the process can execute the operations of a plugin on a machine."""
        return backend in self.backends and host in {"", self.host}


class Operations:
    """Operations, on one connection."""

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        # Requests for operations whose row this transaction has locked: nothing else changes them.
        self._requested: dict[str, Any] = {}

    @property
    def _now(self) -> float:
        return self._clock()

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
        options_before: Mapping[str, Any] | None = None,
        claimant: Claimant | None = None,
    ) -> Operation:
        """Store a new operation, without its place; ConflictError if the server has an open one.

        It is claimed at once, with its first attempt counted, if a claimant can execute it and no queue is
        before it.
        """
        turn, phase = 0, FIRST_PHASE[kind]
        claimant = claimant if claimant and claimant.can_execute(backend, host) else None
        if kind is OperationKind.START:
            turn, claimant = self._turn(server.user_id, claimant)
        if kind is OperationKind.START and claimant is not None:
            phase, host = Phase.LAUNCH, claimant.host if backend in claimant.host_bound else host
        operation = Operation(
            id=uuid.uuid4().hex,
            server_id=server.id,
            kind=kind,
            phase=phase,
            backend=backend,
            host=host,
            created=self._now,
            attempts=int(claimant is not None),
            requested_by=requested_by,
            now=now,
            remove=remove,
            failure=failure,
            options_before=options_before,
        )
        row = {**_values_of(operation), "user_id": server.user_id, "turn": turn}
        row |= {"holder": claimant.holder, "lease_until": self._now + claimant.lease} if claimant else {}
        if not insert_unless_taken(self._connection, tables.operations, "id", row):
            raise ConflictError(f"server {server.full_name} already has an operation in progress")
        return operation

    def _turn(self, user_id: int, claimant: Claimant | None) -> tuple[int, Claimant | None]:
        """Return the round of a new start, and the claimant if the start may begin before any other."""
        limit = claimant.limit if claimant else 0
        if limit:
            self._lock_admission()
        queue = read_queue(self._connection, user_id)
        can_begin = not queue.is_waiting and (not limit or queue.in_progress < limit)
        return queue.turn, claimant if can_begin else None

    def get(self, operation_id: str) -> Operation | None:
        """Return an operation, even if it has ended."""
        row = _BY_ID.first(self._connection, {"key": operation_id})
        return self._operation(row) if row is not None else None

    def admit(self, limit: int) -> int:
        """Let queued starts begin, fairly, up to a limit of concurrent starts (0: no limit)."""
        self._lock_admission()
        room = _ANY_NUMBER
        if limit:
            room = limit - self._connection.execute(_COUNT_STARTS_IN_PROGRESS).scalar_one()
            if room <= 0:
                return 0
        turns = self._connection.execute(TURNS, {"most": room}).scalars().all()
        if not turns:
            return 0
        admitted = {"turns": turns, "phase": Phase.LAUNCH.value, "phase_since": self._now}
        return len(self._connection.execute(_ADMIT, admitted).all())

    def claim(
        self,
        holder: str,
        *,
        host: str,
        backends: Collection[str],
        lease: float,
        limit: int,
        exclude: Collection[str] = (),
    ) -> list[Operation]:
        """Claim unleased operations for some seconds, except those with the given ids."""
        rows = self._connection.execute(
            _CLAIM,
            {
                "at": self._now,
                "hosts": ["", host],
                "backends": list(backends),
                "besides": list(exclude),
                "most": limit,
                "by": holder,
                "until": self._now + lease,
            },
        )
        return sorted((read_operation(row) for row in rows), key=lambda operation: operation.created)

    def renew(self, holder: str, lease: float, operation_ids: Collection[str]) -> dict[str, bool]:
        """Renew leases; return the ids of those still held, with whether each operation was cancelled."""
        # An expired lease is renewed as well: while the holder is the same, no other runner has claimed it.
        rows = self._connection.execute(
            _RENEW, {"by": holder, "keys": list(operation_ids), "until": self._now + lease}
        )
        return {row.id: row.cancelled for row in rows}

    def has_unclaimed(self) -> bool:
        """Return whether any operation is queued or has no valid lease."""
        return _ANY_UNCLAIMED.first(self._connection, {"at": self._now}) is not None

    def cancel_queued(self, operation_id: str) -> bool:
        """End a start that is still queued; False if it is not queued any more."""
        ended = {"phase": Phase.DONE.value, "phase_since": self._now, "finished": self._now}
        return self._changed(_WITHDRAW, operation_id, {**ended, "cancelled": True})

    def release(self, holder: str) -> None:
        """Release every lease of a holder."""
        self._connection.execute(
            update(tables.operations).where(_ops.holder == holder, OPEN).values(holder="", lease_until=0)
        )

    def advance(
        self,
        operation_id: str,
        holder: str,
        phase: Phase,
        *,
        failure: Failure | None = None,
        progress: Sequence[ProgressReport] | None = None,
    ) -> bool:
        """Store the next phase; False, with nothing written, if the lease was lost."""
        values: dict[str, Any] = {"phase": phase.value, "phase_since": self._now}
        if failure is not None:
            values["failure"] = pack_failure(failure)
        if progress is not None:
            values["progress"] = pack_progress(progress)
        if phase is Phase.DONE:
            values |= {"finished": self._now, "holder": "", "lease_until": 0}
        values |= {"key": operation_id, "by": holder, "at": self._now, "before": _CAME_FROM[phase]}
        return self._locked(operation_id, _ADVANCE.run(self._connection, values).first)

    def postpone(self, operation_id: str, holder: str, problem: str, seconds: float) -> bool:
        """Release an operation and schedule its next attempt; False if the lease was lost."""
        values = {"holder": "", "lease_until": self._now + seconds, "trouble": problem[:_TROUBLE]}
        return self._changed(_CHANGE_HELD, operation_id, values, holder)

    def retry_now(self, operation_id: str) -> bool:
        """Schedule a postponed operation immediately; False if it has a holder or has ended."""
        return self._changed(_RETRY_NOW, operation_id, {"lease_until": 0})

    def retry_all_now(self, backends: Collection[str], host: str) -> None:
        """Schedule all postponed operations immediately that these plugins can execute on this machine."""
        self._connection.execute(
            _RETRY_ALL_NOW, {"backends": list(backends), "hosts": ["", host], "lease_until": 0}
        )

    def claim_one(self, operation_id: str, holder: str, lease: float) -> bool:
        """Claim one unleased operation, even if it is queued; False if it has a holder."""
        values = {"holder": holder, "lease_until": self._now + lease, "at": self._now}
        return self._changed(_CLAIM_ONE, operation_id, values)

    def bind(self, operation_id: str, holder: str, host: str) -> bool:
        """Bind an operation to a machine; False if the lease was lost."""
        return self._changed(_CHANGE_HELD, operation_id, {"host": host}, holder)

    def holds(self, operation_id: str, holder: str) -> bool:
        """Return whether a process holds the lease of an operation."""
        parameters = {"key": operation_id, "by": holder, "at": self._now}
        return self._locked(operation_id, _HOLDS.first(self._connection, parameters))

    def cancel(self, operation_id: str) -> bool:
        """Request the end of a start; False if it has ended."""
        return self._changed(_CHANGE_OPEN, operation_id, {"cancelled": True})

    def remove_at_end(self, operation_id: str) -> bool:
        """Request the deletion of the server at the end of an operation; False if it has ended."""
        return self._changed(_CHANGE_OPEN, operation_id, {"remove": True})

    def is_cancelled(self, operation_id: str) -> bool:
        """Return whether a stop was requested during the start."""
        requested = self._requests_for(operation_id)
        return requested is not None and bool(requested.cancelled)

    def is_removed_at_end(self, operation_id: str) -> bool:
        """Return whether the deletion of the server was requested."""
        requested = self._requests_for(operation_id)
        return requested is not None and bool(requested.remove)

    def report(self, operation_id: str, holder: str, progress: Sequence[ProgressReport]) -> bool:
        """Store the reported progress; False if the lease was lost."""
        return self._changed(_CHANGE_HELD, operation_id, {"progress": pack_progress(progress)}, holder)

    def work(self) -> frozenset[tuple[str, str]]:
        """Return plugin and machine of all open operations."""
        return frozenset((row.backend, row.host) for row in self._connection.execute(_WORK))

    def free_of(self, backend: str, host: str) -> list[Operation]:
        """List the unleased operations of a plugin on a machine, including queued starts."""
        of = {"of_backend": backend, "of_host": host, "at": self._now}
        return [read_operation(row) for row in self._connection.execute(_FREE_OF, of)]

    def purge(self, older_than: float) -> int:
        """Delete operations that ended before a time in seconds since the epoch."""
        deleted = self._connection.execute(delete(tables.operations).where(_ops.finished < older_than))
        return deleted.rowcount

    def places(self, operation_ids: Sequence[str]) -> dict[str, int]:
        """Return the places of queued starts, 1 for the next."""
        if not operation_ids:
            return {}
        rows = self._connection.execute(PLACES, {"keys": operation_ids})
        return {row.id: row.place for row in rows}

    def _lock_admission(self) -> None:
        if self._connection.dialect.name == "postgresql":
            _LOCK_ADMISSION.all(self._connection, {"key": _ADMISSION_LOCK})

    def _locked(self, operation_id: str, requested: Any) -> bool:
        if requested is None:
            return False
        self._requested[operation_id] = requested
        return True

    def _requests_for(self, operation_id: str) -> Any:
        if operation_id in self._requested:
            return self._requested[operation_id]
        return _REQUESTED.first(self._connection, {"key": operation_id})

    def _changed(
        self,
        statement: CompiledWrite,
        operation_id: str,
        values: Mapping[str, Any],
        holder: str | None = None,
    ) -> bool:
        held = {} if holder is None else {"by": holder, "at": self._now}
        return statement.run(self._connection, {"key": operation_id, **held, **values}).changed == 1

    def _operation(self, row: Row[Any]) -> Operation:
        places = self.places([row.id] if row.phase == Phase.QUEUED.value else [])
        return read_operation(row, places.get(row.id))


def _values_of(operation: Operation) -> dict[str, Any]:
    """Return the columns of a new operation."""
    before = operation.options_before
    return {
        "id": operation.id,
        "spawner_id": operation.server_id,
        "kind": operation.kind.value,
        "phase": operation.phase.value,
        "backend": operation.backend,
        "host": operation.host,
        "created": operation.created,
        "phase_since": operation.created,
        "requested_by": operation.requested_by,
        "now": operation.now,
        "remove": operation.remove,
        "failure": pack_failure(operation.failure),
        "progress": [],
        "options_before": None if before is None else dict(before),
        "attempts": operation.attempts,
    }
