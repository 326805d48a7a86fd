"""The steps of a start: launch, await, route, and undo when one of them fails."""

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
from plughub.domain.oauth import OAuthClient, server_client_id
from plughub.domain.roles import SERVER_ROLE
from plughub.domain.scopes import access_scopes
from plughub.domain.servers import Phase, ServerRecord, Status
from plughub.domain.timings import ROUTE_BACKOFF, UNDO_BACKOFF
from plughub.domain.tokens import GENERATED_ROUNDS, hash_token, new_token, token_prefix
from plughub.domain.users import User
from plughub.kinds import Endpoint, Found, SpawnerInfo
from plughub.plugin.hooks import Hooks
from plughub.services.addresses import server_prefix
from plughub.services.observability.events import EventPublisher
from plughub.services.operations.cleanup import ServerCleanup, own_tokens, void_credentials
from plughub.services.operations.job import CancelledByUserError, Job
from plughub.services.operations.progress_reports import Reporter
from plughub.services.operations.readiness import Readiness
from plughub.services.operations.start_failures import (
    StartFailedError,
    has_ended,
    spawn_failure,
    storable,
    void_token_failure,
    with_logs,
)
from plughub.services.routes.router import Router
from plughub.services.secrets.auth_states import StoredAuthState, stored_of
from plughub.services.server_records import plugin_view, server_environment, server_token_note
from plughub.services.settings import HubSettings
from plughub.services.tokens.role_scopes import scopes_of_role
from plughub.services.tokens.tokens import store_token
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.start")
REFUSED: Final = 400
"""Status of a start whose options the spawner refuses."""
ROUTE_TRIES: Final = 5
REPORT_ACTIVITY: Final = "users:activity!user"


class _VoidTokenError(Exception):
    """A server was resumed with a token that is not stored for it."""


@dataclass(frozen=True, slots=True)
class StartSteps:
    """The steps of a start.

    Attributes:
        hooks: the hooks.
        settings: of the hub.
        router: the routes.
        events: news.
        clean_up: what comes after a start that failed.
    """

    hooks: Hooks
    settings: HubSettings
    router: Router
    events: EventPublisher
    clean_up: ServerCleanup

    async def run(self, job: Job) -> None:
        """Carry a start on from the phase that it is in.

        Args:
            job: the start.
        """
        reporter = Reporter(self.hooks, job)
        unverified = job.phase is Phase.ROUTE
        steps: Mapping[Phase, Callable[[], Awaitable[Phase]]] = {
            Phase.LAUNCH: lambda: self._launch(job, reporter),
            Phase.AWAIT: lambda: self._await(job, reporter),
            Phase.ROUTE: lambda: self._route(job, unverified=unverified),
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
            log.warning("start %s failed: %s", job.operation.id, error)
            # Its user reads why at once, whatever it takes to tidy up.
            failure, key = replace(error.failure, reference=job.operation.reference), job.operation.server_id
            before = job.operation.options_before if failure.status == REFUSED else None

            def failed(tx: Transaction) -> None:
                tx.servers.failed(key, failure)
                if before is not None:  # a start without options takes the last ones: none that were refused
                    tx.servers.set_options(key, before)

            await job.advance(Phase.UNDO, failed, failure=failure)

    async def _launch(self, job: Job, reporter: Reporter) -> Phase:
        found = await self._find(job, *await job.load()) if job.resumed else None
        if found is None:
            endpoint, secret = await self._spawn(job, reporter)
        else:
            endpoint, secret = Endpoint(url=found.url, state=found.state), ""
        endpoint = storable(job.operation.backend, endpoint)
        record, user = await job.load()
        prefix = server_prefix(self.settings, record)
        if found is not None:
            log.info("%s was launched already: going on with it", record.full_name)

        def launched(tx: Transaction) -> None:
            tx.servers.launched(record.id, url=endpoint.url, prefix=prefix, state=endpoint.state)
            used = endpoint.api_token or secret
            if used:
                mine = own_tokens(tx, self.settings, record)
                kept = tx.tokens.matching(token_prefix(used), used)
                # A token that was deleted stays void: what is resumed brings none back.
                if used != secret:
                    if kept not in mine:
                        raise _VoidTokenError
                    self._save_client(tx, record, used)
                tx.tokens.delete(sorted({*mine} - {kept}))

        job.note("Server launched, waiting for it to answer", 60)
        try:
            await job.advance(Phase.AWAIT, launched)
        except _VoidTokenError:
            await job.write(lambda tx: self._forget_kept(tx, record))
            job.knows(replace(record, state={}), user)
            raise StartFailedError(void_token_failure(job.operation.backend)) from None
        job.knows(replace(record, url=endpoint.url, prefix=prefix, state=endpoint.state), user)
        return Phase.AWAIT

    async def _spawn(self, job: Job, reporter: Reporter) -> tuple[Endpoint, str]:
        plugin, info = job.operation.backend, self._info(job)
        host = self.settings.host if info.host_bound else ""
        token = new_token()
        # A process that lost the operation may still launch what it was about to: that is not this launch.
        launch = uuid.uuid4().hex if job.resumed else job.operation.id

        def intend(tx: Transaction) -> tuple[ServerRecord, User, StoredAuthState]:
            if tx.operations.is_cancelled(job.operation.id):
                raise CancelledByUserError
            if host:
                tx.operations.bind(job.operation.id, self.settings.hub_id, host)
            record, user = job.look(tx)
            client = server_client_id(record.user, record.name)
            intended = replace(record, backend=plugin, host=host, launch=launch, oauth_client_id=client)
            # What is resumed may use an older token at once: it is void only when that is known.
            self._credentials(tx, intended, user, token)
            tx.servers.launching(record.id, backend=plugin, host=host, launch=launch, client_id=client)
            starting = replace(intended, status=Status.STARTING, failure=None, unknown="")
            return starting, user, stored_of(tx, user.id)

        record, user, stored = await job.write(intend)
        job.knows(record, user)
        environment = server_environment(self.settings, record, token)
        view = plugin_view(self.settings, record, user, environment=environment, operation=launch)
        view = await self.clean_up.auth_states.shown(view, user.id, stored)
        await job.hold()
        spawn = asyncio.ensure_future(self.hooks.spawn(plugin, view, info.start_timeout))
        reporter.start(view)
        try:
            return await job.unless_cancelled(spawn), token
        except PluginError as error:
            log.warning("%s", error, exc_info=error.__cause__)
            failure = await with_logs(self.hooks, spawn_failure(error), view, (token,))
            raise StartFailedError(failure) from error

    async def _find(self, job: Job, record: ServerRecord, user: User) -> Found | None:
        """Find what an earlier attempt launched; where that cannot be told, clean up."""
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
            await job.hold()
            try:
                await self.hooks.stop(plugin, replace(view, state=state), now=True)
            except PluginError as error:  # a second launch beside it would be one too many
                raise StartFailedError(spawn_failure(error)) from error
        return None

    async def _await(self, job: Job, reporter: Reporter) -> Phase:
        record, user = await job.load()
        launch = record.launch or job.operation.id
        reporter.start(plugin_view(self.settings, record, user, operation=launch))
        await Readiness(self.hooks, self.settings, job).wait()
        return await job.advance(Phase.ROUTE)

    async def _route(self, job: Job, *, unverified: bool) -> Phase:
        if unverified:  # another process came so far; what it saw may not hold any more
            await Readiness(self.hooks, self.settings, job).wait()
        record, _ = await job.load()
        for attempt in range(1, ROUTE_TRIES + 1):
            await job.hold()
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

        def ready(tx: Transaction) -> None:
            if tx.operations.is_cancelled(job.operation.id):
                raise CancelledByUserError
            tx.servers.ready(record.id, at)

        await job.advance(Phase.DONE, ready)
        by = Actor(name=job.operation.requested_by)
        took = _seconds_since(job)
        self.events.tell(EventKind.SPAWN, record.user, record.name, by=by, url=record.url, seconds=took)
        return Phase.DONE

    async def _undo(self, job: Job) -> Phase:
        record, user = await job.load()
        view = plugin_view(self.settings, record, user, operation=record.launch or job.operation.id)
        await job.hold()
        with contextlib.suppress(HubError):
            await self.router.delete(record)
        try:
            view = await self.clean_up.auth_states.in_view(view, user.id)
            await job.hold()
            left = await self.hooks.stop(job.operation.backend, view, now=True)
        except PluginError as error:
            log.error("what is left of %s could not be stopped: %s", record.full_name, error.reason)
            # It may run: nothing is said to be gone, and nothing started in its place, before that is known.
            left = None
            if not await has_ended(self.hooks, job.operation.backend, view):
                await self._put_off(job, error.reason)
        await self.clean_up.end(job, job.failure, left)
        if job.failure is not None:
            self.events.tell(
                EventKind.SPAWN_FAILED,
                record.user,
                record.name,
                by=Actor(name=job.operation.requested_by),
                reason=job.failure.told(details=True),
                status=job.failure.status,
                seconds=_seconds_since(job),
            )
        return Phase.DONE

    async def _put_off(self, job: Job, reason: str) -> None:
        """Have what could not be stopped tried again, later each time."""
        pause = UNDO_BACKOFF.after(job.operation.attempts)
        await job.put_off(with_details("what is left of it could not be stopped", reason), pause)

    def _forget_kept(self, tx: Transaction, record: ServerRecord) -> None:
        """Delete what was kept for a start that resumes: that start was this one."""
        void_credentials(tx, self.settings, record)
        tx.servers.forget_state(record.id)

    def _credentials(self, tx: Transaction, record: ServerRecord, user: User, token: str) -> None:
        """Store the server's token and its OAuth client; both have the same secret."""
        self._save_client(tx, record, token)
        # A server that may not report its activity would be culled while people work.
        own = self.settings.spawners.get(record.backend, SpawnerInfo()).server_token_scopes
        given = own and (*own, REPORT_ACTIVITY)
        scopes = given or scopes_of_role(tx, SERVER_ROLE)
        store_token(tx, token, user_id=user.id, note=server_token_note(record), scopes=_bound(scopes, record))

    def _save_client(self, tx: Transaction, record: ServerRecord, token: str) -> None:
        """Store the OAuth client of a server; its secret is the server's token."""
        client = server_client_id(record.user, record.name)
        info = self.settings.spawners.get(record.backend, SpawnerInfo())
        prefix = server_prefix(self.settings, record)
        tx.oauth.save_client(
            OAuthClient(
                identifier=client,
                secret=hash_token(token, rounds=GENERATED_ROUNDS),
                redirect_uri=f"{prefix}oauth_callback",
                description=f"Server at {prefix}",
                allowed_scopes=access_scopes(record.user, record.name)
                | frozenset(info.oauth_client_allowed_scopes or ()),
            )
        )

    def _info(self, job: Job) -> SpawnerInfo:
        return self.settings.spawners[job.operation.backend]


def _seconds_since(job: Job) -> float:
    return round(max(time.time() - job.operation.created, 0), 3)


def _bound(scopes: tuple[str, ...], record: ServerRecord) -> list[str]:
    """Write self-filters out: a server's token belongs to no OAuth client that would tell the server."""
    mine = f"!server={record.full_name}"
    return [
        f"{scope.removesuffix('!server')}{mine}" if scope.endswith("!server") else scope for scope in scopes
    ]
