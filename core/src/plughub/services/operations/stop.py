"""Phases of a stop: unroute, halt, clean."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from plughub.domain.clock import utcnow
from plughub.domain.errors import HubError, PluginError
from plughub.domain.events import Actor, EventKind
from plughub.domain.servers import Failure, Operation, Phase, ServerRecord, Status
from plughub.domain.timings import STOP_BACKOFF
from plughub.domain.users import User
from plughub.kinds import Resumable, Server
from plughub.plugin.failure_log import log_failure
from plughub.plugin.hooks import Hooks
from plughub.services.observability.events import EventPublisher
from plughub.services.operations.cleanup import ServerCleanup
from plughub.services.operations.job import Job, Prepared
from plughub.services.operations.reachability import NO_ADDRESS, WRONG_PROCESS
from plughub.services.operations.start_failures import has_ended
from plughub.services.routes.router import Router
from plughub.services.secrets.auth_states import read_auth_state
from plughub.services.server_records import plugin_view
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.stop")
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class StopSteps:
    """Executes stops.

    Attributes:
        hooks: the hooks.
        settings: settings of the hub.
        router: removes the route.
        events: publishes events.
        cleanup: cleans up after the stop.
    """

    hooks: Hooks
    settings: HubSettings
    router: Router
    events: EventPublisher
    cleanup: ServerCleanup

    async def run(self, job: Job) -> None:
        """Execute a stop, beginning with its current phase."""
        steps: Mapping[Phase, Callable[[Job], Awaitable[Phase]]] = {
            Phase.UNROUTE: self._unroute_and_halt,
            Phase.HALT: self._halt,
            Phase.CLEAN: self._clean,
        }
        while job.phase is not Phase.DONE:
            await steps[job.phase](job)

    def prepare(self, tx: Transaction, operation: Operation, server: ServerRecord, user: User) -> Prepared:
        """Read the secrets for the spawner."""
        del operation
        return Prepared(server, user, read_auth_state(tx, user.id))

    async def _unroute_and_halt(self, job: Job) -> Phase:
        seen = await self._look(job)
        record = seen.record
        if record.status is Status.STOPPED:  # only its deletion is left
            await self.cleanup.finish(job, None)
            return Phase.DONE
        # A broken proxy must not keep a server alive: the route reconciler removes the route later.
        await job.ensure_lease()
        with contextlib.suppress(HubError):
            await self.router.delete(record)
        return await self._halt_seen(job, seen)

    async def _look(self, job: Job) -> Prepared:
        seen = job.take_prepared()
        if seen is None:
            seen = await job.read(lambda tx: self.prepare(tx, job.operation, *job.read_current(tx)))
        job.remember(seen.record, seen.user)
        return seen

    async def _halt(self, job: Job) -> Phase:
        return await self._halt_seen(job, await self._look(job))

    async def _halt_seen(self, job: Job, seen: Prepared) -> Phase:
        record, user = seen.record, seen.user
        view = plugin_view(self.settings, record, user)
        view = await self.cleanup.auth_states.with_stored(view, user.id, seen.auth_state)
        try:
            resumable = await self._stop_patiently(job, view)
        except PluginError as error:
            reason, resumable = error.reason, None
            is_over = await has_ended(self.hooks, job.operation.backend, view)
        else:
            is_over = True
        if is_over:
            return await self._clean(job, resumable)
        log.error("cannot stop %s (%s): %s", record.full_name, job.operation.reference, reason)
        failure = Failure(
            message="the server could not be stopped",
            detail=reason,
            reference=job.operation.reference,
            plugin=job.operation.backend,
            at=utcnow(),
        )
        why = await self._why_unreachable(job, record, view)

        def still_running(tx: Transaction) -> None:
            tx.servers.mark_still_running(record.id, failure)
            tx.servers.set_unreachable(record, why)

        await job.ensure_lease()
        if not why:
            with contextlib.suppress(HubError):
                await self.router.add(record)
        await job.advance(Phase.DONE, still_running)
        by = Actor(name=job.operation.requested_by)
        self.events.publish(
            EventKind.STOP_FAILED, record.user, record.name, by=by, reason=failure.describe(details=True)
        )
        return Phase.DONE

    async def _why_unreachable(self, job: Job, record: ServerRecord, view: Server) -> str:
        """Return why a server that could not be stopped does not get its route back; empty when it does."""
        if record.unreachable or not record.url:
            return record.unreachable or NO_ADDRESS
        with contextlib.suppress(PluginError):
            if not await self.hooks.verify_address(job.operation.backend, view):
                return WRONG_PROCESS.format(url=record.url)
        return ""

    async def _stop_patiently(self, job: Job, server: Server) -> Resumable | None:
        """Stop a server, with retries when its plugin fails."""
        attempt = 1
        while True:
            await job.ensure_lease()
            try:
                return await self.hooks.stop(job.operation.backend, server, now=job.operation.now)
            except PluginError as error:
                log_failure(log, logging.WARNING, error, f"%s ({attempt} of {TRIES})")
                if attempt == TRIES:
                    raise
                await asyncio.sleep(STOP_BACKOFF.after(attempt))
                attempt += 1

    async def _clean(self, job: Job, resumable: Resumable | None = None) -> Phase:
        record, _ = await job.load()
        died = job.operation.failure
        await self.cleanup.finish(job, died, resumable)
        kind = EventKind.SERVER_DIED if died else EventKind.STOP
        reason = {"reason": died.describe(details=True)} if died else {}
        self.events.publish(
            kind, record.user, record.name, by=Actor(name=job.operation.requested_by), **reason
        )
        return Phase.DONE
