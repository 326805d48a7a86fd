"""The runner, which claims operations and executes them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from cachetools import TTLCache

from plughub.domain.errors import HubError, PluginError, UnavailableError
from plughub.domain.servers import Operation, OperationKind, Phase, ServerRecord
from plughub.domain.timings import (
    FIND_WORK_IDLE_SECONDS,
    FIND_WORK_SECONDS,
    RENEWALS_PER_LEASE,
    RETRY_BACKOFF,
    RETRY_SECONDS,
    STARTED_SECONDS,
)
from plughub.domain.users import User
from plughub.plugin.failure_log import log_failure
from plughub.services.coordination.background_loops import wait_for_event
from plughub.services.operations.abandonment import abandon
from plughub.services.operations.job import Job, LeaseLostError, PostponedError, Prepared
from plughub.services.operations.server_watch import ServerWatch
from plughub.services.settings import HubSettings
from plughub.storage.operations import Claimant
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.operations")
AT_ONCE: Final = 1000
MOST_STARTED: Final = 10_000
TRIES: Final = 5
"""Unexpected errors after which a start is abandoned, and any other operation postponed."""


@dataclass(frozen=True, slots=True)
class ClaimedOperations:
    """Operations that this process has claimed.

    Attributes:
        operations: the operations.
        until: when the lease on them ends, by the monotonic clock.
        prepared: by id of an operation, what its first step has stored or read with the claim.
    """

    operations: Sequence[Operation] = ()
    until: float = 0.0
    prepared: Mapping[str, Prepared] = field(default_factory=dict)


class OperationSteps(Protocol):
    """Executes one kind of operation."""

    def prepare(self, tx: Transaction, operation: Operation, server: ServerRecord, user: User) -> Prepared:
        """Store or read what the first step needs, in the transaction that claims a new operation.

        Args:
            tx: the transaction.
            operation: the operation, which has not been attempted before.
            server: its server, as it is stored now.
            user: user of the server.
        """

    async def run(self, job: Job) -> None:
        """Execute an operation, beginning with its current phase."""


class Runner:
    """Claims operations and executes each in a task of its own.

    Args:
        store: the storage.
        settings: settings of the hub.
        server_watch: notified whenever an operation makes progress.

    Attributes:
        is_closing: no more operations are claimed.
        has_waiting_work: a queued start may be waiting for another one to end.
    """

    def __init__(self, store: Store, settings: HubSettings, server_watch: ServerWatch) -> None:
        self._store = store
        self._settings = settings
        self._server_watch = server_watch
        self._steps: Mapping[OperationKind, OperationSteps] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._jobs: dict[str, Job] = {}
        self._started: TTLCache[str, bool] = TTLCache(MOST_STARTED, STARTED_SECONDS)
        self._wake = asyncio.Event()
        self._pause = FIND_WORK_SECONDS
        self.is_closing = False
        self.has_waiting_work = False

    def set_steps(self, steps: Mapping[OperationKind, OperationSteps]) -> None:
        """Set what executes each kind of operation."""
        self._steps = steps

    @property
    def backends(self) -> Collection[str]:
        """Plugins whose operations this process can execute."""
        return tuple(self._settings.spawners)

    def claim(self, tx: Transaction, *, starts: bool = True) -> ClaimedOperations:
        """Claim free operations inside a transaction. Pass the result to `execute` after the transaction.

        Args:
            tx: the transaction.
            starts: also admit queued starts.
        """
        if self.is_closing:
            return ClaimedOperations()
        if starts:
            tx.operations.admit(self._settings.concurrent_spawn_limit)
        lease = self._settings.lease
        operations = tx.operations.claim(
            self._settings.hub_id,
            host=self._settings.host,
            backends=self.backends,
            lease=lease,
            limit=AT_ONCE,
            exclude=tuple(self._tasks),
        )
        return ClaimedOperations(operations, tx.begun + lease)

    @property
    def claimant(self) -> Claimant | None:
        """This process as the claimant of new operations; None when it claims no more."""
        if self.is_closing:
            return None
        return Claimant(
            holder=self._settings.hub_id,
            host=self._settings.host,
            backends=self.backends,
            lease=self._settings.lease,
            limit=self._settings.concurrent_spawn_limit,
            host_bound=tuple(name for name, info in self._settings.spawners.items() if info.host_bound),
        )

    def prepare(
        self, tx: Transaction, operation: Operation, server: ServerRecord, user: User
    ) -> ClaimedOperations:
        """Prepare a new operation that was claimed as it was stored, in the same transaction."""
        prepared = self._steps[operation.kind].prepare(tx, operation, server, user)
        return ClaimedOperations((operation,), tx.begun + self._settings.lease, {operation.id: prepared})

    def execute(self, taken: ClaimedOperations) -> None:
        """Execute claimed operations in the background."""
        if self.is_closing:
            return
        for operation in taken.operations:
            job = Job(
                self._store,
                operation,
                self._settings.hub_id,
                self._settings.lease,
                self._phase_reached,
                self._server_watch.is_watched,
            )
            job.lease_until = taken.until
            job.prepared = taken.prepared.get(operation.id)
            self._jobs[operation.id] = job
            task = asyncio.create_task(self._run(job), name=f"{operation.kind}-{operation.id}")
            self._tasks[operation.id] = task
            task.add_done_callback(lambda done, key=operation.id: self._remove(key, done))  # type: ignore[misc]

    def is_executing(self, operation_id: str) -> bool:
        """Return whether this process executes an operation, so that its end reaches the server watch."""
        job = self._jobs.get(operation_id)
        return job is not None and job.phase is not Phase.DONE

    def cancel(self, operation_id: str) -> None:
        """Cancel a start that this process executes; other processes read the request from the database."""
        if operation_id in self._jobs:
            self._jobs[operation_id].cancel()

    def was_started_here(self, launch: str) -> bool:
        """Return whether a start of this process has ended recently with a server that is ready."""
        return launch in self._started

    def check_launch(self, launch: str) -> bool:
        """Let an operation know that its spawner reports something about its server.

        A start polls the server at once; a stop expects its end.

        Returns:
            False if this process executes no operation on the server.
        """
        job = next((job for job in self._jobs.values() if job.launch == launch), None)
        if job is not None:
            job.wakeup.set()
        return job is not None

    def notify(self, *, free: bool) -> None:
        """Wake the runner if there is work. It polls less often once this method is called.

        Args:
            free: whether an operation is queued or has no valid lease.
        """
        self._pause = FIND_WORK_IDLE_SECONDS
        if free:
            self._wake.set()

    async def claim_free_operations(self) -> None:
        """Claim and execute free operations, until cancelled."""
        while True:
            await wait_for_event(self._wake, self._pause)
            try:
                self.has_waiting_work = await self._store.read(lambda tx: tx.operations.has_unclaimed())
                if self.has_waiting_work:
                    self.execute(await self._store.write(self.claim))
            except HubError as error:
                log.warning("cannot look for operations: %s", error)

    async def renew_leases(self) -> None:
        """Renew the leases of running operations, and drop those that were lost, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.lease / RENEWALS_PER_LEASE)
            if not self._tasks:
                continue
            own_tasks, requested_at = dict(self._tasks), time.monotonic()
            try:
                held = await self._renew(tuple(own_tasks))
            except HubError as error:
                log.warning("cannot renew leases: %s", error)
                continue
            for key, task in own_tasks.items():
                if key not in held and not task.done():
                    job = self._jobs.get(key)
                    log.warning("another hub process has taken over the %s", job.title if job else key)
                    task.cancel()
                elif key in self._jobs:
                    self._jobs[key].lease_until = requested_at + self._settings.lease
                    if held.get(key):
                        self.cancel(key)

    async def _renew(self, keys: Collection[str]) -> dict[str, bool]:
        holder, lease = self._settings.hub_id, self._settings.lease
        return await self._store.write(lambda tx: tx.operations.renew(holder, lease, keys))

    async def close(self) -> None:
        """Release all operations; another process, or the next one, resumes them."""
        self.is_closing = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Wait until this process executes no more operations."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _run(self, job: Job) -> None:
        errors: list[Exception] = []
        while job.phase is not Phase.DONE:
            try:
                if len(errors) == TRIES:
                    last_error = errors.pop()
                    errors.clear()
                    await abandon(job, last_error)
                await self._steps[job.operation.kind].run(job)
            except LeaseLostError:
                log.warning("another hub process has taken over the %s", job.title)
                return
            except PostponedError:
                return
            except UnavailableError as error:  # the database is down: wait for it without limit
                log.warning("retrying phase %s of the %s: %s", job.phase, job.title, error)
                await self._resume_later(job, RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, the operation must be completed
                _log_retry(job, error)
                errors.append(error)
                await self._resume_later(job, RETRY_BACKOFF.after(len(errors)))

    async def _resume_later(self, job: Job, pause: float) -> None:
        """Wait, then reload the operation; repeat until the database answers."""
        while True:
            await asyncio.sleep(pause)
            pause = RETRY_SECONDS
            try:
                return await job.reload()
            except Exception as error:  # noqa: BLE001 - the phase must be known before anything is done
                log.warning("phase %s of the %s waits: %s", job.phase, job.title, error)

    def _phase_reached(self, operation: Operation, phase: Phase, server: ServerRecord | None) -> None:
        # Subscribers see the other phases when they next poll.
        if phase in {Phase.UNDO, Phase.DONE}:
            self._server_watch.changed(operation.server_id, server)
        if phase is Phase.DONE and operation.kind is OperationKind.START:
            self._started[operation.id] = True
        if phase is Phase.DONE and self.has_waiting_work:
            self._wake.set()

    def _remove(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
            job = self._jobs.pop(key)
            if job.phase is not Phase.DONE:  # else subscribers were notified when it was stored
                self._server_watch.changed(job.operation.server_id)


def _log_retry(job: Job, error: Exception) -> None:
    if isinstance(error, PluginError):
        log_failure(log, logging.WARNING, error, "retrying phase %s of the %s: %s", job.phase, job.title)
    else:
        log.error("retrying phase %s of the %s", job.phase, job.title, exc_info=error)
