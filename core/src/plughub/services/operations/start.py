"""Phases of a start: launch, await, route, and undo when one of them fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from plughub.domain.clock import utcnow
from plughub.domain.errors import HubError, PluginError
from plughub.domain.events import Actor, EventKind
from plughub.domain.explanations import with_details
from plughub.domain.servers import Operation, Phase, ServerRecord, Status
from plughub.domain.timings import ROUTE_BACKOFF, UNDO_BACKOFF
from plughub.domain.tokens import new_token, token_prefix
from plughub.domain.users import User
from plughub.kinds import Endpoint, Found, SpawnerInfo
from plughub.plugin.hooks import Hooks
from plughub.services.addresses import server_prefix
from plughub.services.observability.events import EventPublisher
from plughub.services.observability.run_records import record_launch
from plughub.services.operations.cleanup import ServerCleanup
from plughub.services.operations.credentials import (
    client_of,
    revoke_credentials,
    save_client,
    server_token_keys,
    store_credentials,
)
from plughub.services.operations.job import CancelledByUserError, Job, Prepared
from plughub.services.operations.posted_values import PostedValues
from plughub.services.operations.progress_reports import ProgressReporter
from plughub.services.operations.readiness import Readiness
from plughub.services.operations.start_failures import (
    StartFailedError,
    checked_endpoint,
    has_ended,
    log_unexpected,
    revoked_token_failure,
    spawn_failure,
    with_logs,
)
from plughub.services.routes.router import Router
from plughub.services.secrets.auth_states import read_auth_state
from plughub.services.server_records import plugin_view, server_environment
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.start")
REFUSED: Final = 400
"""Status of a start whose options the spawner rejects."""
ROUTE_TRIES: Final = 5


class _RevokedTokenError(Exception):
    """A server was resumed with a token that is not stored for it."""


@dataclass(frozen=True, slots=True)
class StartSteps:
    """Executes starts.

    Attributes:
        hooks: the hooks.
        settings: settings of the hub.
        router: adds the route.
        events: publishes events.
        cleanup: cleans up after a failed start.
        posted_values: passes what starting servers post to their spawners.
    """

    hooks: Hooks
    settings: HubSettings
    router: Router
    events: EventPublisher
    cleanup: ServerCleanup
    posted_values: PostedValues

    async def run(self, job: Job) -> None:
        """Execute a start, beginning with its current phase."""
        reporter = ProgressReporter(self.hooks, job)
        steps: Mapping[Phase, Callable[[], Awaitable[Phase]]] = {
            Phase.LAUNCH: lambda: self._launch(job, reporter),
            Phase.AWAIT: lambda: self._await(job, reporter),
            Phase.ROUTE: lambda: self._await(job, reporter),  # stored by an earlier version: verify again
            Phase.UNDO: lambda: self._undo(job),
        }
        try:
            while job.phase is not Phase.DONE:
                await self._step(job, steps[job.phase])
        finally:
            await reporter.close()

    async def _step(self, job: Job, step: Callable[[], Awaitable[Phase]]) -> None:
        try:
            await step()
        except CancelledByUserError:
            await job.advance(Phase.UNDO)
        except StartFailedError as error:
            log.warning("%s failed: %s", job.title, error)
            # Store the failure now, so that the user reads it before the cleanup has ended.
            failure, key = replace(error.failure, reference=job.operation.reference), job.operation.server_id
            before = job.operation.options_before if failure.status == REFUSED else None

            def store_failure(tx: Transaction) -> None:
                tx.servers.record_failure(key, failure)
                if before is not None:  # a start without options reuses the last: not rejected ones
                    tx.servers.set_options(key, before)

            await job.advance(Phase.UNDO, store_failure, failure=failure)

    async def _launch(self, job: Job, reporter: ProgressReporter) -> Phase:
        found = await self._find(job, *await job.load()) if job.is_resumed else None
        if found is None:
            endpoint, launched = await self._spawn(job, reporter)
        else:
            endpoint, launched = Endpoint(url=found.url, state=found.state), None
        endpoint = checked_endpoint(job.operation.backend, endpoint)
        record, user = await job.load()
        prefix = server_prefix(self.settings, record)
        if found is not None:
            log.info("%s was already launched: resuming its start", record.full_name)

        def store_endpoint(tx: Transaction) -> None:
            tx.servers.record_endpoint(record.id, url=endpoint.url, prefix=prefix, state=endpoint.state)
            tx.runs.set_resources(record.id, endpoint.cpus, endpoint.memory)
            tx.servers.set_end(record.id, endpoint.ends_in)
            own_tokens = server_token_keys(tx, self.settings, record)
            if (used := endpoint.api_token) and not (launched and used == launched.token):
                token_key = tx.tokens.matching(token_prefix(used), used)
                # A revoked token stays revoked: resuming a server does not restore it.
                if token_key not in own_tokens:
                    raise _RevokedTokenError
                save_client(tx, self.settings, record, used)
            else:  # a server that was found has the token of the last launch, which is the newest
                token_key = launched.token_key if launched else max(own_tokens, default=None)
            tx.tokens.delete(sorted({*own_tokens} - {token_key}))

        job.note("Server launched, waiting for it to answer", 60)
        try:
            await job.advance(Phase.AWAIT, store_endpoint)
        except _RevokedTokenError:
            await job.write(lambda tx: self._discard_saved_state(tx, record))
            job.remember(replace(record, state={}), user)
            raise StartFailedError(revoked_token_failure(job.operation.backend)) from None
        job.remember(replace(record, url=endpoint.url, prefix=prefix, state=endpoint.state), user)
        return Phase.AWAIT

    def prepare(self, tx: Transaction, operation: Operation, server: ServerRecord, user: User) -> Prepared:
        """Store a launch, before it has external effects."""
        return self._store_launch(tx, operation, server, user, operation.id)

    def _store_launch(
        self, tx: Transaction, operation: Operation, record: ServerRecord, user: User, launch: str
    ) -> Prepared:
        plugin, host, token = operation.backend, self._host(operation), new_token()
        if host and host != operation.host:
            tx.operations.bind(operation.id, self.settings.hub_id, host)
        client = client_of(record)
        launched = replace(record, backend=plugin, host=host, launch=launch, oauth_client_id=client)
        # A resumed server may use an older token: revoke that only once the token in use is known.
        token_key = store_credentials(tx, self.settings, launched, token)
        tx.servers.record_launch(record.id, backend=plugin, host=host, launch=launch, client_id=client)
        record_launch(tx, self.settings, record, user, operation)
        starting = replace(launched, status=Status.STARTING, failure=None, unknown="")
        return Prepared(starting, user, read_auth_state(tx, user.id), token, token_key)

    async def _store_new_launch(self, job: Job) -> Prepared:
        # A process that lost the operation may still launch the server: that launch has another id.
        launch = uuid.uuid4().hex if job.is_resumed else job.operation.id

        def store(tx: Transaction) -> Prepared:
            if tx.operations.is_cancelled(job.operation.id):
                raise CancelledByUserError
            if job.is_resumed:
                tx.posted_values.clear(job.operation.id)
            return self._store_launch(tx, job.operation, *job.read_current(tx), launch)

        return await job.write(store)

    async def _spawn(self, job: Job, reporter: ProgressReporter) -> tuple[Endpoint, Prepared]:
        plugin, info = job.operation.backend, self._info(job)
        stored = job.take_prepared() or await self._store_new_launch(job)
        record, user, token = stored.record, stored.user, stored.token
        job.remember(record, user)
        environment = server_environment(self.settings, record, token)
        view = plugin_view(self.settings, record, user, environment=environment)
        view = await self.cleanup.auth_states.with_stored(view, user.id, stored.auth_state)
        await job.ensure_lease()
        if job.is_cancelled:
            raise CancelledByUserError
        spawn = asyncio.ensure_future(self.hooks.spawn(plugin, view, info.start_timeout))
        reporter.start(view)
        try:
            async with self.posted_values.delivered(job, view):
                return await job.unless_cancelled(spawn), stored
        except PluginError as error:
            log_unexpected(log, error)
            failure = await with_logs(self.hooks, spawn_failure(error), view, (token,))
            raise StartFailedError(failure) from error

    async def _find(self, job: Job, record: ServerRecord, user: User) -> Found | None:
        """Find the server that an earlier attempt launched; stop it where that is unknown."""
        plugin = job.operation.backend
        try:
            inventory = await self.hooks.inventory(plugin, self.settings.mark)
        except PluginError as error:
            raise StartFailedError(spawn_failure(error)) from error
        launch = record.launch or job.operation.id
        found = next(
            (f for f in inventory or () if f.operation == launch and f.is_of(record.user, record.name)), None
        )
        if found is not None and found.url:
            return found
        if inventory is None or found is not None:
            state = found.state if found else record.state
            view = plugin_view(self.settings, record, user, operation=launch)
            await job.ensure_lease()
            try:
                resumable = await self.hooks.stop(plugin, replace(view, state=state), now=True)
            except PluginError as error:  # a second launch could then run beside the first
                raise StartFailedError(spawn_failure(error)) from error
            if inventory is None:
                await job.save_state(resumable.state if resumable else {})
        return None

    async def _await(self, job: Job, reporter: ProgressReporter) -> Phase:
        record, user = await job.load()
        launch = record.launch or job.operation.id
        reporter.start(plugin_view(self.settings, record, user, operation=launch))
        await Readiness(self.hooks, self.settings, job).wait()
        return await self._route(job)

    async def _route(self, job: Job) -> Phase:
        record, _ = await job.load()
        for attempt in range(1, ROUTE_TRIES + 1):
            await job.ensure_lease()
            try:
                await job.unless_cancelled(self.router.add(record))
                break
            except PluginError as error:
                log.warning("%s (%d of %d)", error, attempt, ROUTE_TRIES)
                if attempt == ROUTE_TRIES:
                    failure = spawn_failure(error)
                    raise StartFailedError(failure) from error
                await asyncio.sleep(ROUTE_BACKOFF.after(attempt))
        at = utcnow()

        def store_ready(tx: Transaction) -> None:
            if tx.operations.is_cancelled(job.operation.id):
                raise CancelledByUserError
            tx.servers.mark_ready(record.id, at)
            tx.runs.mark_ready(record.id)

        await job.advance(Phase.DONE, store_ready)
        by = Actor(name=job.operation.requested_by)
        duration = _seconds_since(job)
        self.events.publish(
            EventKind.SPAWN, record.user, record.name, by=by, url=record.url, seconds=duration
        )
        return Phase.DONE

    async def _undo(self, job: Job) -> Phase:
        record, user = await job.load()
        view = plugin_view(self.settings, record, user, operation=record.launch or job.operation.id)
        await job.ensure_lease()
        with contextlib.suppress(HubError):
            await self.router.delete(record)
        try:
            view = await self.cleanup.auth_states.with_auth_state(view, user.id)
            await job.ensure_lease()
            resumable = await self.hooks.stop(job.operation.backend, view, now=True)
        except PluginError as error:
            log.error("cannot stop the failed server %s: %s", record.full_name, error.reason)
            # It may be running: do not report it as stopped, or start another, before that is known.
            resumable = None
            if not await has_ended(self.hooks, job.operation.backend, view):
                await self._postpone_cleanup(job, error.reason)
        await self.cleanup.finish(job, job.failure, resumable)
        if job.failure is not None:
            self.events.publish(
                EventKind.SPAWN_FAILED,
                record.user,
                record.name,
                by=Actor(name=job.operation.requested_by),
                reason=job.failure.describe(details=True),
                status=job.failure.status,
                seconds=_seconds_since(job),
            )
        return Phase.DONE

    async def _postpone_cleanup(self, job: Job, reason: str) -> None:
        """Retry the stop later, with growing delays."""
        pause = UNDO_BACKOFF.after(job.operation.attempts)
        await job.postpone(with_details("the failed server could not be stopped", reason), pause)

    def _discard_saved_state(self, tx: Transaction, record: ServerRecord) -> None:
        """Delete the state saved for a start that resumes, and its credentials."""
        revoke_credentials(tx, self.settings, record)
        tx.servers.forget_state(record.id)

    def _info(self, job: Job) -> SpawnerInfo:
        return self.settings.spawners[job.operation.backend]

    def _host(self, operation: Operation) -> str:
        return self.settings.host if self.settings.spawners[operation.backend].host_bound else ""


def _seconds_since(job: Job) -> float:
    return round(max(time.time() - job.operation.created, 0), 3)
