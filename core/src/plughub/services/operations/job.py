"""An operation that this process executes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from plughub.domain.errors import HubError, NotFoundError
from plughub.domain.servers import Failure, Operation, Phase, ProgressReport, ServerRecord
from plughub.domain.timings import REPORT_SECONDS
from plughub.domain.users import User
from plughub.services.secrets.auth_states import StoredAuthState
from plughub.storage.store import Store, Transaction

T = TypeVar("T")
log = logging.getLogger("plughub.operations")
MAX_REPORTS: Final = 50

Observer = Callable[[Operation, Phase, ServerRecord | None], None]


class LeaseLostError(Exception):
    """Another process has taken over the operation: nothing more may be done here."""


class PostponedError(Exception):
    """The operation cannot continue now; any process may resume it after the delay."""


class CancelledByUserError(Exception):
    """A stop was requested while the server was starting."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the first step of an operation has stored or read in the transaction that claimed it.

    Attributes:
        record: the server.
        user: its user.
        auth_state: authenticator and encrypted auth state of the user.
        token: token of a start.
        token_key: its key in the database; 0 for none.
    """

    record: ServerRecord
    user: User
    auth_state: StoredAuthState
    token: str = field(default="", repr=False)
    token_key: int = 0


class Job:
    """One operation that this process executes.

    Args:
        store: the storage.
        operation: the operation as it was claimed.
        holder: id of this process.
        lease: seconds for which a renewal extends the lease.
        on_phase: called for each phase after it was stored, before it is executed; with the server as it is
            stored then, if that is watched and the phase is undo or done.
        is_watched: whether anybody waits for changes of a server.

    Attributes:
        lease_until: when our lease ends, by the monotonic clock; in the database it ends no sooner.
        prepared: what the first step has stored or read with the claim, until it is used.
        is_cancelled: a stop was requested during the start.
        wakeup: set when the start was cancelled, or when its spawner reports that something has happened to
            the server.
    """

    def __init__(
        self,
        store: Store,
        operation: Operation,
        holder: str,
        lease: float,
        on_phase: Observer = lambda *_: None,
        is_watched: Callable[[int], bool] = lambda _server: False,
    ) -> None:
        self._store = store
        self._holder = holder
        self._lease = lease
        self._on_phase = on_phase
        self._is_watched = is_watched
        self.lease_until = 0.0
        self.prepared: Prepared | None = None
        self._reports = list(operation.progress)
        self._reported = time.monotonic()
        self._has_unstored_reports = False
        self._is_resumed = operation.attempts > 1
        self._cached: tuple[ServerRecord, User] | None = None
        self._server_name = f"server {operation.server_id}"
        self.operation = operation
        self.phase = operation.phase
        self.failure = operation.failure
        self.is_cancelled = operation.cancelled
        self.wakeup = asyncio.Event()
        self._stops: set[asyncio.Future[None]] = set()
        self._unstored = asyncio.Event()

    @property
    def title(self) -> str:
        """Kind, server and reference of the operation, for log lines.

        Until the server was read, its number stands for its name.
        """
        return f"{self.operation.kind} of {self._server_name} ({self.operation.reference})"

    @property
    def is_resumed(self) -> bool:
        """True when an earlier attempt may have executed part of the operation."""
        return self._is_resumed

    async def reload(self) -> None:
        """Read phase and failure from the database after a failed attempt."""
        # The last write may have been stored although it seemed to fail.
        stored = await self._store.read(lambda tx: tx.operations.get(self.operation.id))
        self._is_resumed = True
        self._cached = self.prepared = None
        self.phase = stored.phase if stored is not None else Phase.DONE
        self.failure = stored.failure if stored is not None else None

    @property
    def launch(self) -> str:
        """Id of the launch of the server; that of the operation until the server was read."""
        return (self._cached[0].launch if self._cached else "") or self.operation.id

    def cancel(self) -> None:
        """Cancel a start."""
        self.is_cancelled = True
        self.wakeup.set()
        for stop in self._stops:
            if not stop.done():
                stop.set_result(None)

    def take_prepared(self) -> Prepared | None:
        """Return what was prepared with the claim, once; None for later attempts."""
        prepared, self.prepared = self.prepared, None
        return prepared

    async def load(self) -> tuple[ServerRecord, User]:
        """Return the server and its user, read at most once.

        Raises:
            NotFoundError: the server was deleted.
        """
        # While an operation is in progress, nothing else changes the server.
        if self._cached is None:
            self.remember(*await self._store.read(self.read_current))
        assert self._cached is not None
        return self._cached

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Read what this phase needs, in one transaction."""
        return await self._store.read(work)

    def read_current(self, tx: Transaction) -> tuple[ServerRecord, User]:
        """Read the server and its user inside a transaction.

        Raises:
            NotFoundError: the server was deleted.
        """
        server = tx.servers.by_id(self.operation.server_id)
        user = tx.users.by_id(server.user_id) if server else None
        if server is None or user is None:
            raise NotFoundError("the server was deleted")
        return server, user

    async def save_state(self, state: Mapping[str, Any]) -> None:
        """Save the state of a server that is being launched; ignore it once it was launched.

        Raises:
            LeaseLostError: another process has taken over the operation.
        """
        saved = json.loads(json.dumps(dict(state)))

        def save(tx: Transaction) -> bool:
            stored = tx.operations.get(self.operation.id)
            if stored is None or stored.phase is not Phase.LAUNCH:
                return False
            tx.servers.save_state(self.operation.server_id, saved)
            return True

        if await self.write(save) and self._cached is not None:
            self._cached = (replace(self._cached[0], state=saved), self._cached[1])

    def remember(self, record: ServerRecord, user: User) -> None:
        """Cache the server and its user as they are stored now."""
        self._cached = (record, user)
        self._server_name = record.full_name

    async def advance(
        self,
        phase: Phase,
        also: Callable[[Transaction], object] = lambda _tx: None,
        *,
        failure: Failure | None = None,
    ) -> Phase:
        """Store the next phase and pending progress reports, in one transaction.

        Args:
            phase: the next phase.
            also: further writes in the same transaction.
            failure: why the start is being undone.

        Returns:
            The phase.

        Raises:
            LeaseLostError: another process has taken over the operation.
        """
        reports = list(self._reports) if self._has_unstored_reports else None

        ends = phase in {Phase.UNDO, Phase.DONE}
        reads = ends and self._is_watched(self.operation.server_id)

        def work(tx: Transaction) -> tuple[bool, ServerRecord | None]:
            key = self.operation.id
            if not tx.operations.advance(key, self._holder, phase, failure=failure, progress=reports):
                return False, None
            also(tx)
            if ends:
                tx.changes.add_server(self.operation.server_id)
            return True, tx.servers.by_id(self.operation.server_id) if reads else None

        is_stored, record = await self._store.write(work)
        if not is_stored:
            raise LeaseLostError(self.operation.id)
        if reports is not None and reports == self._reports:
            self._has_unstored_reports = False
        self.phase = phase
        self.failure = failure or self.failure
        self._on_phase(self.operation, phase, record)
        return phase

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Write something that belongs to this phase, provided that the operation is still ours.

        Raises:
            LeaseLostError: another process has taken over the operation.
        """

        def guarded(tx: Transaction) -> T:
            if not tx.operations.holds(self.operation.id, self._holder):
                raise LeaseLostError(self.operation.id)
            return work(tx)

        return await self._store.write(guarded)

    async def ensure_lease(self) -> None:
        """Ensure that the operation is still ours. Call this directly before each external action.

        Raises:
            LeaseLostError: another process has taken over the operation.
            UnavailableError: the database does not answer, so the state of the lease is unknown.
        """
        # This process may have been suspended since its last read or write. As long as the lease, which is
        # renewed in the background, is valid by our own clock, the database need not be asked.
        key, holder, lease = self.operation.id, self._holder, self._lease
        while time.monotonic() >= self.lease_until:
            requested_at = time.monotonic()
            held = await self._store.write(lambda tx: tx.operations.renew(holder, lease, (key,)))
            if key not in held:
                raise LeaseLostError(key)
            self.lease_until = requested_at + lease

    async def postpone(self, problem: str, seconds: float) -> None:
        """Release the operation for a while; any process may resume it afterwards.

        Args:
            problem: reason that users read.
            seconds: delay.

        Raises:
            PostponedError: always, once the release is stored.
            LeaseLostError: another process has taken over the operation.
        """
        key, holder = self.operation.id, self._holder

        def work(tx: Transaction) -> bool:
            tx.changes.add_server(self.operation.server_id)
            return tx.operations.postpone(key, holder, problem, seconds)

        if not await self._store.write(work):
            raise LeaseLostError(key)
        raise PostponedError(problem)

    async def unless_cancelled(self, work: Awaitable[T]) -> T:
        """Await something, and cancel it when a stop is requested.

        Raises:
            CancelledByUserError: a stop was requested.
        """
        task = asyncio.ensure_future(work)
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stops.add(stop)
        try:
            if not self.is_cancelled:
                either: set[asyncio.Future[Any]] = {task, stop}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise CancelledByUserError
        finally:
            self._stops.discard(stop)
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def report(self, message: str, percent: int, html: str = "") -> None:
        """Report progress to the user; stored at most every `REPORT_SECONDS`.

        Args:
            message: plain text.
            percent: 0 to 99; 100 for a message that is shown once the server is ready.
            html: the same with markup.
        """
        self.note(message, percent, html)
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            await self.flush_reports()

    def note(self, message: str, percent: int, html: str = "") -> None:
        """Report progress to the user; stored with the next phase, or by `flush_periodically`.

        Args:
            message: plain text.
            percent: 0 to 99; 100 for a message that is shown once the server is ready.
            html: the same with markup.
        """
        self._reports.append(ProgressReport(percent, message, html))
        del self._reports[:-MAX_REPORTS]
        self._keep_unstored()

    async def flush_reports(self) -> None:
        """Store pending progress reports while the operation is ours; on failure they stay pending."""
        self._reported = time.monotonic()
        self._has_unstored_reports = False
        key, holder, reports = self.operation.id, self._holder, list(self._reports)
        try:
            await self._store.write(lambda tx: tx.operations.report(key, holder, reports))
        except HubError as error:
            self._keep_unstored()
            log.warning("cannot store the progress of the %s yet: %s", self.title, error)
        except Exception:
            self._keep_unstored()
            log.exception("cannot store the progress of the %s yet", self.title)

    def _keep_unstored(self) -> None:
        self._has_unstored_reports = True
        self._unstored.set()

    async def flush_periodically(self) -> None:
        """Store pending progress reports, at most every `REPORT_SECONDS`, until cancelled."""
        while True:
            await self._unstored.wait()
            self._unstored.clear()
            await asyncio.sleep(REPORT_SECONDS)
            if self._has_unstored_reports:
                await self.flush_reports()
