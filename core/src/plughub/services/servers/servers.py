"""Requests for servers: start, stop, check, wait."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from plughub.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PluginError,
    TooManyError,
    UnavailableError,
)
from plughub.domain.events import THE_HUB, Actor, EventKind
from plughub.domain.names import shorten
from plughub.domain.servers import Failure, ServerRecord
from plughub.domain.timings import ENDED_SERVER_SECONDS, UNDO_WAIT_SECONDS
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.kinds import Moved, Server
from plughub.plugin.hooks import Hooks
from plughub.services.observability.events import EventPublisher
from plughub.services.operations.runner import ClaimedOperations, Runner
from plughub.services.operations.server_watch import ServerSubscriptions
from plughub.services.server_records import plugin_view, stored_view
from plughub.services.servers.operation_requests import CleanupPendingError, OperationRequests
from plughub.services.servers.profiles import Profiles
from plughub.services.servers.recent_servers import RecentServers
from plughub.services.servers.request_rules import (
    check_authorized,
    check_named,
    check_options,
    choose_backend,
    is_of_another_spawner,
)
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

T = TypeVar("T")


class ServerService:
    """Starts, stops and finds servers for users, admins and the hub itself.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        runner: executes operations.
        subscriptions: sends changes of servers to subscribers.
        events: publishes events.
        profiles: checks the options of profiles.

    Attributes:
        recent: cache of the servers of users.
        is_shutting_down: no server starts any more: this process is about to stop all servers and itself.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        runner: Runner,
        subscriptions: ServerSubscriptions,
        events: EventPublisher,
        profiles: Profiles,
    ) -> None:
        self._profiles = profiles
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._runner = runner
        self._server_watch = subscriptions.server_watch
        self._events = events
        self._subscriptions = subscriptions
        self.is_shutting_down = False
        self._requests = OperationRequests(settings, hooks.cleans_up)
        self.recent = RecentServers(store, subscriptions.server_watch)

    async def get(self, user: str, name: str) -> ServerRecord:
        """Find a server.

        Raises:
            NotFoundError: there is no such server.
        """
        server = await self._store.read(lambda tx: tx.servers.get(user, name))
        if server is None:
            owner = shorten(user)
            raise NotFoundError(
                _("%(owner)s has no server %(name)s", owner=owner, name=shorten(name))
                if name
                else _("there is no user %(owner)s", owner=owner)
            )
        return server

    async def of_user(self, user: User) -> list[ServerRecord]:
        """Return all servers of a user, the default one first."""
        return await self._store.read(lambda tx: tx.servers.of_user(user.id))

    async def view(self, user: User, name: str, options: Mapping[str, Any] | None = None) -> Server:
        """Return a server as plugins see it, even if it is not stored yet.

        Args:
            user: its user.
            name: its name.
            options: chosen options; None for those of the last start.
        """
        stored = await self._store.read(lambda tx: tx.servers.get(user.name, name))
        record = stored or ServerRecord(id=0, user_id=user.id, user=user.name, name=name)
        view = plugin_view(self._settings, record, user)
        return view if options is None else replace(view, options=options)

    def choose_backend(self, wanted: str = "") -> str:
        """Return the plugin for a start; see `plughub.services.servers.request_rules`."""
        return choose_backend(self._settings, wanted)

    async def check_named(self, user: User, name: str) -> None:
        """Check that a server may be started by its name; see `plughub.services.servers.request_rules`."""
        await check_named(self._store, self._settings, user, name)

    async def start(
        self,
        user: User,
        name: str = "",
        *,
        options: Mapping[str, Any] | None = None,
        backend: str = "",
        by: Actor = THE_HUB,
        named_limit: int | None = None,
    ) -> ServerRecord:
        """Request a start, which continues in the background.

        Args:
            user: the server's user.
            name: its name; a new named server is created.
            options: chosen options; None for those of the last start.
            backend: the spawner; empty for the default.
            by: the requester.
            named_limit: named servers that the user may have, 0 for no limit; None for the limit in the
                settings.

        Returns:
            The server, with the operation that starts it.

        Raises:
            ForbiddenError: a plugin refuses.
            InvalidError: the name or an option is not valid, or the server is running or being stopped.
            TooManyError: a limit is reached.
            UnavailableError: the hub is shutting down.
        """
        if self.is_shutting_down:
            raise UnavailableError("the hub is shutting down and stops all servers: no server can start now")
        by = replace(by, name=by.name or user.name)
        options = check_options(options)
        try:
            server = await self._start(user, name, options, backend, by.name, named_limit)
        except (ForbiddenError, TooManyError) as error:
            status = 429 if isinstance(error, TooManyError) else 403
            self._events.publish(
                EventKind.SPAWN_REFUSED, user.name, name, by=by, reason=error.message[:200], status=status
            )
            raise
        self._events.publish(EventKind.SPAWN_REQUESTED, user.name, name, by=by)
        return server

    async def _start(
        self,
        user: User,
        name: str,
        options: Mapping[str, Any] | None,
        backend: str,
        by: str,
        named_limit: int | None,
    ) -> ServerRecord:
        await self.check_named(user, name)
        limit = self._settings.named_server_limit if named_limit is None else named_limit
        plugin = self.choose_backend(backend)
        if options is None and await is_of_another_spawner(
            self._store, self._hooks, self._settings, user, name, plugin
        ):
            options = {}
        options, profile = await self._profiles.check(plugin, lambda: self.view(user, name), options)
        await check_authorized(self._store, self._hooks, lambda: self.view(user, name, options))

        def work(tx: Transaction) -> tuple[ServerRecord, ClaimedOperations]:
            server, is_claimed = self._requests.start(
                tx, user, name, options, plugin, by, limit, profile, self._runner.claimant
            )
            if is_claimed and server.operation is not None:
                return server, self._runner.prepare(tx, server.operation, server, user)
            taken = self._runner.claim(tx)
            operation = next((one for one in taken.operations if one.server_id == server.id), None)
            if operation is None:  # it is queued: read it again for its position
                self._runner.has_waiting_work = True
                return tx.servers.by_id(server.id) or server, taken
            return replace(server, operation=operation), taken

        try:
            server, taken = await self._write(work)
        except CleanupPendingError as error:  # the user has read the failure, and retries at once
            await self._retry_cleanup(error.server)
            server, taken = await self._write(work)
        self._server_watch.changed(server.id)
        self._runner.execute(taken)
        return server

    async def stop(
        self,
        server: ServerRecord,
        *,
        now: bool = False,
        remove: bool = False,
        by: Actor = THE_HUB,
        failure: Failure | None = None,
    ) -> ServerRecord:
        """Request a stop, which continues in the background. A start in progress is cancelled.

        Args:
            server: the server.
            now: stop without a grace period.
            remove: delete the server once it has stopped.
            by: the requester.
            failure: the reason, when the server ended by itself.

        Returns:
            The server, with its operation.
        """

        def work(tx: Transaction) -> tuple[ServerRecord, ClaimedOperations]:
            current = tx.servers.by_id(server.id)
            if current is None:
                raise NotFoundError(_("there is no server %(full_name)r", full_name=server.full_name))
            stopping, taken = self._stop(tx, current, now=now, remove=remove, by=by.name, failure=failure)
            return stopping or tx.servers.by_id(server.id) or current, taken

        stopped, taken = await self._write(work)
        self._runner.execute(taken)
        if stopped.operation is not None and stopped.operation.cancelled:
            self._runner.cancel(stopped.operation.id)
        self._server_watch.changed(server.id)
        if by.name:
            what = {"remove": True} if remove else {}
            self._events.publish(EventKind.STOP_REQUESTED, server.user, server.name, by=by, **what)
        return stopped

    async def handle_exit(self, server: ServerRecord, failure: Failure) -> None:
        """Clean up after a server that ended by itself.

        Args:
            server: the server as it was when its end was found.
            failure: the reason.
        """

        def work(tx: Transaction) -> ClaimedOperations:
            current = tx.servers.by_id(server.id)
            if current is None or not current.running or current.launch != server.launch:
                return ClaimedOperations()
            return self._stop(tx, current, now=True, remove=False, by="", failure=failure)[1]

        self._runner.execute(await self._write(work))

    def _stop(
        self, tx: Transaction, server: ServerRecord, **request: Any
    ) -> tuple[ServerRecord | None, ClaimedOperations]:
        """Store a stop; return the server where it is known how it is stored now."""
        stopping = self._requests.stop(tx, server, **request, claimant=self._runner.claimant)
        user = tx.users.by_id(server.user_id) if stopping else None
        if stopping is None or stopping.operation is None or user is None:
            return None, self._runner.claim(tx, starts=False)
        return stopping, self._runner.prepare(tx, stopping.operation, stopping, user)

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._store.write(work)
        except ConflictError:  # another process was faster: retry with what it has stored
            return await self._store.write(work)

    async def wait(self, server: ServerRecord, seconds: float) -> ServerRecord:
        """Wait until no operation is in progress on a server.

        Args:
            server: the server.
            seconds: longest wait.

        Returns:
            The server as it is then.
        """
        is_local = server.operation is not None and self._runner.is_executing(server.operation.id)
        return await self._subscriptions.wait(server, seconds, is_local=is_local)

    async def _retry_cleanup(self, server: ServerRecord) -> None:
        """Retry the cleanup after a failed start at once, and wait briefly for it."""

        def work(tx: Transaction) -> ClaimedOperations:
            tx.operations.retry_now(server.operation.id if server.operation else "")
            return self._runner.claim(tx)

        self._runner.execute(await self._store.write(work))
        await self.wait(replace(server, operation=None), UNDO_WAIT_SECONDS)

    async def remove(self, server: ServerRecord, seconds: float, *, by: Actor = THE_HUB) -> ServerRecord:
        """Stop a named server and delete it.

        Args:
            server: the server.
            seconds: longest wait; the removal continues in the background.
            by: the requester.

        Returns:
            The server as it is then.

        Raises:
            InvalidError: it is the default server.
        """
        if not server.name:
            raise InvalidError("the default server cannot be removed, only stopped")
        server = await self.stop(server, remove=True, by=by)
        server = await self.wait(server, seconds)
        # A cancelled start ends without deleting the server.
        if not server.active:
            with contextlib.suppress(NotFoundError):
                await self.stop(server, remove=True, by=by)
        return server

    def was_started_here(self, launch: str) -> bool:
        """Return whether this process has recently found the server of a launch ready."""
        return self._runner.was_started_here(launch)

    def check_launch(self, launch: str) -> bool:
        """Check a server that is starting here at once; False if no start of this process has the id."""
        return self._runner.check_launch(launch)

    def changes(self, server: ServerRecord) -> AsyncGenerator[ServerRecord, None]:
        """Yield a server as it is now, then whenever it may have changed, until it is deleted."""
        return self._subscriptions.subscribe(server.id)

    async def check(self, server: ServerRecord) -> ServerRecord:
        """Poll a running server at once, and clean up when it has ended."""
        if not server.running:
            return server
        view = await self._store.read(lambda tx: stored_view(tx, self._settings, server))
        try:
            code = await self._hooks.poll(server.backend or self._settings.default_spawner, view)
        except PluginError:
            return server
        if code is None or isinstance(code, Moved):  # the poller updates the route
            return server
        await self.handle_exit(server, Failure(message="the server had ended", exit_code=code))
        return await self.wait(server, ENDED_SERVER_SECONDS)
