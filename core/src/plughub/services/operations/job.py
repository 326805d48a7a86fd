"""One operation in the hands of this process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from plughub.domain.errors import HubError, NotFoundError
from plughub.domain.servers import Failure, Operation, Phase, ProgressReport, ServerRecord
from plughub.domain.timings import REPORT_SECONDS
from plughub.domain.users import User
from plughub.storage.store import Store, Transaction

T = TypeVar("T")
log = logging.getLogger("plughub.operations")
MAX_REPORTS: Final = 50

Observer = Callable[[Operation, Phase], None]


class LeaseLostError(Exception):
    """Another process has the operation now: hands off."""


class PostponedError(Exception):
    """Nothing can be done now: whoever finds it when its pause is over goes on."""


class CancelledByUserError(Exception):
    """A stop was asked for while the server started."""


class Job:
    """One operation in the hands of this process.

    Args:
        store: the storage.
        operation: as it was when it was taken up.
        holder: this process.
        lease: seconds for which it is ours whenever that is renewed.
        reached: told of each phase after it was written down, before its step.

    Attributes:
        until: when our lease ends, by the monotonic clock; the database's end of it is no sooner.
    """

    def __init__(
        self,
        store: Store,
        operation: Operation,
        holder: str,
        lease: float,
        reached: Observer = lambda *_: None,
    ) -> None:
        self._store = store
        self._holder = holder
        self._lease = lease
        self._reached = reached
        self.until = 0.0
        self._reports = list(operation.progress)
        self._reported = time.monotonic()
        self._unwritten = False
        self._tried = operation.attempts > 1
        self._known: tuple[ServerRecord, User] | None = None
        self.operation = operation
        self.phase = operation.phase
        self.failure = operation.failure
        self.cancelled = asyncio.Event()
        if operation.cancelled:
            self.cancelled.set()

    @property
    def resumed(self) -> bool:
        """Whether another attempt may have done part of it already."""
        return self._tried

    async def resume(self) -> None:
        """Look how far the operation is, after an attempt that failed: what it wrote last may be stored."""
        stored = await self._store.read(lambda tx: tx.operations.get(self.operation.id))
        self._tried = True
        self._known = None
        self.phase = stored.phase if stored is not None else Phase.DONE
        self.failure = stored.failure if stored is not None else None

    async def load(self) -> tuple[ServerRecord, User]:
        """Get the server and its user; nobody else changes a server while something is being done to it.

        Returns:
            Both.

        Raises:
            NotFoundError: the server was deleted.
        """
        if self._known is None:
            self._known = await self._store.read(self.look)
        return self._known

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Read what this phase needs, by one transaction.

        Args:
            work: what to read.

        Returns:
            What it answers.
        """
        return await self._store.read(work)

    def look(self, tx: Transaction) -> tuple[ServerRecord, User]:
        """Get the server and its user as they are stored, inside a transaction.

        Args:
            tx: the transaction.

        Returns:
            Both.

        Raises:
            NotFoundError: the server was deleted.
        """
        server = tx.servers.by_id(self.operation.server_id)
        user = tx.users.by_id(server.user_id) if server else None
        if server is None or user is None:
            raise NotFoundError("the server was deleted")
        return server, user

    def knows(self, record: ServerRecord, user: User) -> None:
        """Remember what was written of the server.

        Args:
            record: the server as it is stored now.
            user: its user.
        """
        self._known = (record, user)

    async def advance(
        self,
        phase: Phase,
        also: Callable[[Transaction], object] = lambda _tx: None,
        *,
        failure: Failure | None = None,
    ) -> Phase:
        """Write down the next phase, what was reported, and whatever belongs to it, in one transaction.

        Args:
            phase: the next phase.
            also: what else to write.
            failure: why it is being undone.

        Returns:
            The phase.

        Raises:
            LeaseLostError: another process has the operation now.
        """
        reports = list(self._reports) if self._unwritten else None

        def work(tx: Transaction) -> bool:
            key = self.operation.id
            if not tx.operations.advance(key, self._holder, phase, failure=failure, progress=reports):
                return False
            also(tx)
            return True

        if not await self._store.write(work):
            raise LeaseLostError(self.operation.id)
        if reports is not None and reports == self._reports:
            self._unwritten = False
        self.phase = phase
        self.failure = failure or self.failure
        self._reached(self.operation, phase)
        return phase

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Write something that belongs to this phase, as long as the operation is ours.

        Args:
            work: what to write.

        Returns:
            What it answers.

        Raises:
            LeaseLostError: another process has the operation now.
        """

        def guarded(tx: Transaction) -> T:
            if not tx.operations.holds(self.operation.id, self._holder):
                raise LeaseLostError(self.operation.id)
            return work(tx)

        return await self._store.write(guarded)

    async def hold(self) -> None:
        """Make sure that the operation is ours still. Ask just before the world is touched.

        This process may have been stopped since it wrote or read something last. While its clock says that
        the lease, which is renewed all the while, has not ended, nobody is asked.

        Raises:
            LeaseLostError: another process has the operation now.
            UnavailableError: the database does not answer, so that nobody can tell.
        """
        key, holder, lease = self.operation.id, self._holder, self._lease
        while time.monotonic() >= self.until:
            asked = time.monotonic()
            held = await self._store.write(lambda tx: tx.operations.renew(holder, lease, (key,)))
            if key not in held:
                raise LeaseLostError(key)
            self.until = asked + lease

    async def put_off(self, trouble: str, seconds: float) -> None:
        """Let go of the operation for a while, so that anybody may go on with it then.

        Args:
            trouble: why.
            seconds: for how long.

        Raises:
            PutOffError: that is written down.
            LeaseLostError: another process has the operation now.
        """
        key, holder = self.operation.id, self._holder
        if not await self._store.write(lambda tx: tx.operations.postpone(key, holder, trouble, seconds)):
            raise LeaseLostError(key)
        raise PostponedError(trouble)

    async def unless_cancelled(self, work: Awaitable[T]) -> T:
        """Wait for something, but no longer than until a stop is asked for.

        Args:
            work: what to wait for; it is cancelled then.

        Returns:
            Its answer.

        Raises:
            CancelledByUserError: a stop was asked for.
        """
        task = asyncio.ensure_future(work)
        stop = asyncio.create_task(self.cancelled.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return await task
            raise CancelledByUserError
        finally:
            for waiting in (task, stop):
                waiting.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    async def report(self, message: str, percent: int, html: str = "") -> None:
        """Tell whoever watches what happens; stored now and then.

        Args:
            message: plain text.
            percent: 0 to 99; 100 for what is to be said once the server is ready.
            html: the same with markup.
        """
        self.note(message, percent, html)
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            await self.flush_reports()

    def note(self, message: str, percent: int, html: str = "") -> None:
        """Tell whoever watches what happens; stored with the next phase, or soon.

        Args:
            message: plain text.
            percent: 0 to 99; 100 for what is to be said once the server is ready.
            html: the same with markup.
        """
        self._reports.append(ProgressReport(percent, message, html))
        del self._reports[:-MAX_REPORTS]
        self._unwritten = True

    async def flush_reports(self) -> None:
        """Store what was reported, as long as the operation is ours; what cannot be stored is kept."""
        self._reported = time.monotonic()
        self._unwritten = False
        key, holder, reports = self.operation.id, self._holder, list(self._reports)
        try:
            await self._store.write(lambda tx: tx.operations.report(key, holder, reports))
        except HubError as error:
            self._unwritten = True
            log.warning("the report of %s is stored later: %s", key, error)
        except Exception:
            self._unwritten = True
            log.exception("the report of %s is stored later", key)

    async def keep_flushing(self) -> None:
        """Store what was reported in quick succession soon after, for ever."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            if self._unwritten:
                await self.flush_reports()
