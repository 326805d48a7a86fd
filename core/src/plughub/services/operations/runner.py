"""Taking operations up: those that this process began, and those that nobody holds any more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from plughub.domain.errors import HubError, UnavailableError
from plughub.domain.servers import Operation, OperationKind, Phase
from plughub.domain.timings import (
    FIND_WORK_IDLE_SECONDS,
    FIND_WORK_SECONDS,
    RENEWALS_PER_LEASE,
    RETRY_BACKOFF,
    RETRY_SECONDS,
)
from plughub.services.coordination.background_loops import news
from plughub.services.operations.abandonment import give_up
from plughub.services.operations.job import Job, LeaseLostError, PostponedError
from plughub.services.operations.server_watch import ServerWatch
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.operations")
AT_ONCE: Final = 1000
TRIES: Final = 5
"""An operation that fails so often in a way that nobody foresaw is given up, or put off."""


@dataclass(frozen=True, slots=True)
class ClaimedOperations:
    """Operations that this process has taken up.

    Attributes:
        operations: the operations.
        until: when the lease on them ends, by the monotonic clock.
    """

    operations: Sequence[Operation] = ()
    until: float = 0.0


class OperationSteps(Protocol):
    """What carries one kind of operation on."""

    async def run(self, job: Job) -> None:
        """Carry an operation on from the phase that it is in."""


class Runner:
    """Takes operations up and carries them on, each in a task of its own.

    Args:
        store: the storage.
        settings: of the hub.
        server_watch: woken whenever an operation gets on.

    Attributes:
        closing: nothing is taken up any more.
        crowded: a start may wait for another one to end.
    """

    def __init__(self, store: Store, settings: HubSettings, server_watch: ServerWatch) -> None:
        self._store = store
        self._settings = settings
        self._watchers = server_watch
        self._steps: Mapping[OperationKind, OperationSteps] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._jobs: dict[str, Job] = {}
        self._wake = asyncio.Event()
        self._pause = FIND_WORK_SECONDS
        self.closing = False
        self.crowded = False

    def use(self, steps: Mapping[OperationKind, OperationSteps]) -> None:
        """Say what carries operations on.

        Args:
            steps: by kind.
        """
        self._steps = steps

    @property
    def backends(self) -> Collection[str]:
        """Plugins whose operations this process can carry on."""
        return tuple(self._settings.spawners)

    def take(self, tx: Transaction, *, starts: bool = True) -> ClaimedOperations:
        """Take up what is free, inside a transaction; give the answer to `carry_on` after it.

        Args:
            tx: the transaction.
            starts: let starts begin that wait.

        Returns:
            The operations that are ours now.
        """
        if self.closing:
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
            besides=tuple(self._tasks),
        )
        return ClaimedOperations(operations, tx.begun + lease)

    def carry_on(self, taken: ClaimedOperations) -> None:
        """Carry operations on in the background.

        Args:
            taken: what `take` answered.
        """
        if self.closing:
            return
        for operation in taken.operations:
            job = Job(self._store, operation, self._settings.hub_id, self._settings.lease, self._reached)
            job.until = taken.until
            self._jobs[operation.id] = job
            task = asyncio.create_task(self._run(job), name=f"{operation.kind}-{operation.id}")
            self._tasks[operation.id] = task
            task.add_done_callback(lambda done, key=operation.id: self._forget(key, done))  # type: ignore[misc]

    def carries(self, operation_id: str) -> bool:
        """Tell whether an operation goes on here, so that its end will be told to the watchers.

        Args:
            operation_id: which.

        Returns:
            True when it does.
        """
        job = self._jobs.get(operation_id)
        return job is not None and job.phase is not Phase.DONE

    def cancel(self, operation_id: str) -> None:
        """Tell a start of this process that a stop was asked for; others learn it from the database.

        Args:
            operation_id: the start.
        """
        if operation_id in self._jobs:
            self._jobs[operation_id].cancelled.set()

    def told(self, *, free: bool) -> None:
        """Hear whether there is work; who is told need not look so often.

        Args:
            free: something waits in the queue or is held by nobody.
        """
        self._pause = FIND_WORK_IDLE_SECONDS
        if free:
            self._wake.set()

    async def look_for_work(self) -> None:
        """Take up what is free, for ever."""
        while True:
            await news(self._wake, self._pause)
            try:
                self.crowded = await self._store.read(lambda tx: tx.operations.has_unclaimed())
                if self.crowded:
                    self.carry_on(await self._store.write(self.take))
            except HubError as error:
                log.warning("cannot look for work: %s", error)

    async def keep_leases(self) -> None:
        """Renew the leases of what goes on here, for ever; let go of what was lost."""
        while True:
            await asyncio.sleep(self._settings.lease / RENEWALS_PER_LEASE)
            if not self._tasks:
                continue
            mine, asked = dict(self._tasks), time.monotonic()
            try:
                held = await self._renew(tuple(mine))
            except HubError as error:
                log.warning("cannot renew leases: %s", error)
                continue
            for key, task in mine.items():
                if key not in held and not task.done():
                    log.warning("operation %s is another hub's now", key)
                    task.cancel()
                elif key in self._jobs:
                    self._jobs[key].until = asked + self._settings.lease
                    if held.get(key):
                        self.cancel(key)

    async def _renew(self, keys: Collection[str]) -> dict[str, bool]:
        holder, lease = self._settings.hub_id, self._settings.lease
        return await self._store.write(lambda tx: tx.operations.renew(holder, lease, keys))

    async def close(self) -> None:
        """Let go of everything; another process, or the next one, carries it on."""
        self.closing = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Wait until nothing goes on here."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _run(self, job: Job) -> None:
        mistakes: list[Exception] = []
        while job.phase is not Phase.DONE:
            try:
                if len(mistakes) == TRIES:
                    mistake = mistakes.pop()
                    mistakes.clear()
                    await give_up(job, mistake)
                await self._steps[job.operation.kind].run(job)
            except LeaseLostError:
                log.warning("operation %s is another hub's now", job.operation.id)
                return
            except PostponedError:
                return
            except UnavailableError as error:  # the database: it is waited for, however long it takes
                log.warning("%s of %s is tried again: %s", job.phase, job.operation.id, error)
                await self._again(job, RETRY_SECONDS)
            except Exception as error:
                log.exception("%s of %s is tried again", job.phase, job.operation.id)
                mistakes.append(error)
                await self._again(job, RETRY_BACKOFF.after(len(mistakes)))

    async def _again(self, job: Job, pause: float) -> None:
        """Wait for some seconds, and until what is written down of an operation can be read again."""
        while True:
            await asyncio.sleep(pause)
            pause = RETRY_SECONDS
            try:
                return await job.resume()
            except Exception as error:  # noqa: BLE001 - nothing can be done before it can be read
                log.warning("%s of %s waits: %s", job.phase, job.operation.id, error)

    def _reached(self, operation: Operation, phase: Phase) -> None:
        # What lies between is seen soon enough by those who look now and then.
        if phase in {Phase.UNDO, Phase.DONE}:
            self._watchers.changed(operation.server_id)
        if phase is Phase.DONE and self.crowded:
            self._wake.set()

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
            job = self._jobs.pop(key)
            if job.phase is not Phase.DONE:  # else it was told when that was written
                self._watchers.changed(job.operation.server_id)
