"""What may be asked of servers: start, stop, look, wait."""

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
from plughub.kinds import Moved, Server
from plughub.plugin.hooks import Hooks
from plughub.services.observability.events import EventPublisher
from plughub.services.operations.runner import ClaimedOperations, Runner
from plughub.services.operations.server_watch import ServerSubscription, ServerWatch
from plughub.services.server_records import plugin_view, stored_view
from plughub.services.servers.operation_requests import CleanupPendingError, OperationRequests
from plughub.services.servers.recent_servers import RecentServers
from plughub.services.servers.request_rules import (
    check_authorized,
    check_named,
    check_options,
    choose_backend,
)
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

T = TypeVar("T")


class ServerService:
    """What users, admins and the hub itself may ask of servers.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        runner: carries operations on.
        server_watch: woken when a server changes.
        events: news.

    Attributes:
        recent: the servers of users as they were a moment ago.
        ending: nothing starts any more: this process is about to stop all servers, and then itself.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        runner: Runner,
        server_watch: ServerWatch,
        events: EventPublisher,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._runner = runner
        self._watchers = server_watch
        self._events = events
        self._following = ServerSubscription(store, server_watch)
        self.ending = False
        self._beginning = OperationRequests(settings, hooks.cleans_up)
        self.recent = RecentServers(store, server_watch)

    async def get(self, user: str, name: str) -> ServerRecord:
        """Find a server.

        Args:
            user: name of its user.
            name: name of the server.

        Returns:
            The server.

        Raises:
            NotFoundError: there is no such server.
        """
        server = await self._store.read(lambda tx: tx.servers.get(user, name))
        if server is None:
            whose = shorten(user)
            raise NotFoundError(
                f"{whose} has no server {shorten(name)}" if name else f"there is no user {whose}"
            )
        return server

    async def of_user(self, user: User) -> list[ServerRecord]:
        """List the servers of a user, the default one first.

        Args:
            user: the user.

        Returns:
            The servers, stopped ones too.
        """
        return await self._store.read(lambda tx: tx.servers.of_user(user.id))

    async def view(self, user: User, name: str, options: Mapping[str, Any] | None = None) -> Server:
        """Show a server to a plugin, also one that is not stored yet.

        Args:
            user: its user.
            name: its name.
            options: chosen options; those of the last time when None.

        Returns:
            What plugins see.
        """
        stored = await self._store.read(lambda tx: tx.servers.get(user.name, name))
        record = stored or ServerRecord(id=0, user_id=user.id, user=user.name, name=name)
        view = plugin_view(self._settings, record, user)
        return view if options is None else replace(view, options=options)

    def choose_backend(self, wanted: str = "") -> str:
        """Choose the spawner for a start; see `plughub.services.servers.request_rules`."""
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
        """Ask for a start; it goes on in the background.

        Args:
            user: whose server.
            name: its name; a named server that is new is stored.
            options: what the user chose; the options of the last time when None.
            backend: the spawner; the default one when empty.
            by: who asks.
            named_limit: how many named servers the user may have, 0 for any number; None for what the
                settings say.

        Returns:
            The server, with the operation that starts it.

        Raises:
            ForbiddenError: a plugin refuses.
            InvalidError: the name or an option is not good, or the server is being stopped, or runs already.
            TooManyError: a limit is reached.
            UnavailableError: the hub is ending.
        """
        if self.ending:
            raise UnavailableError("the hub is being stopped, and all servers with it; no server starts now")
        by = replace(by, name=by.name or user.name)
        options = check_options(options)
        try:
            server = await self._start(user, name, options, backend, by.name, named_limit)
        except (ForbiddenError, TooManyError) as error:
            status = 429 if isinstance(error, TooManyError) else 403
            self._events.tell(
                EventKind.SPAWN_REFUSED, user.name, name, by=by, reason=error.message[:200], status=status
            )
            raise
        self._events.tell(EventKind.SPAWN_REQUESTED, user.name, name, by=by)
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
        await check_authorized(self._hooks, lambda: self.view(user, name, options))

        def work(tx: Transaction) -> tuple[ServerRecord, ClaimedOperations]:
            server = self._beginning.start(tx, user, name, options, plugin, by, limit)
            taken = self._runner.take(tx)
            mine = next((one for one in taken.operations if one.server_id == server.id), None)
            if mine is None:  # it waits: its place is to be told
                self._runner.crowded = True
                return tx.servers.by_id(server.id) or server, taken
            return replace(server, operation=mine), taken

        try:
            server, taken = await self._write_down(work)
        except CleanupPendingError as error:  # she has read why, and tries again at once
            await self._hurry(error.server)
            server, taken = await self._write_down(work)
        self._watchers.changed(server.id)
        self._runner.carry_on(taken)
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
        """Ask for a stop; it goes on in the background. A start that goes on is cancelled.

        Args:
            server: which.
            now: without a gentle end.
            remove: forget the server once it is stopped.
            by: who asks.
            failure: why, when the server died by itself.

        Returns:
            The server, with what is being done to it.
        """

        def work(tx: Transaction) -> tuple[ServerRecord, ClaimedOperations]:
            current = tx.servers.by_id(server.id)
            if current is None:
                raise NotFoundError(f"there is no server {server.full_name!r}")
            self._beginning.stop(tx, current, now=now, remove=remove, by=by.name, failure=failure)
            taken = self._runner.take(tx, starts=False)
            return tx.servers.by_id(server.id) or current, taken

        stopped, taken = await self._write_down(work)
        self._runner.carry_on(taken)
        if stopped.operation is not None and stopped.operation.cancelled:
            self._runner.cancel(stopped.operation.id)
        self._watchers.changed(server.id)
        if by.name:
            what = {"remove": True} if remove else {}
            self._events.tell(EventKind.STOP_REQUESTED, server.user, server.name, by=by, **what)
        return stopped

    async def died(self, server: ServerRecord, failure: Failure) -> None:
        """Tidy up after a server that ended by itself.

        Args:
            server: as it was when it was found dead.
            failure: why.
        """

        def work(tx: Transaction) -> ClaimedOperations:
            current = tx.servers.by_id(server.id)
            if current is None or not current.running or current.launch != server.launch:
                return ClaimedOperations()
            self._beginning.stop(tx, current, now=True, remove=False, by="", failure=failure)
            return self._runner.take(tx, starts=False)

        self._runner.carry_on(await self._write_down(work))

    async def _write_down(self, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._store.write(work)
        except ConflictError:  # another process was a moment ahead: what it wrote is there now
            return await self._store.write(work)

    async def wait(self, server: ServerRecord, seconds: float) -> ServerRecord:
        """Wait until nothing is being done to a server, but not for ever.

        Args:
            server: which.
            seconds: how long at most.

        Returns:
            The server as it is then.
        """
        told = server.operation is not None and self._runner.carries(server.operation.id)
        return await self._following.wait(server, seconds, told=told)

    async def _hurry(self, server: ServerRecord) -> None:
        """Try once more to stop what a start has left, and wait a moment."""

        def work(tx: Transaction) -> ClaimedOperations:
            tx.operations.retry_now(server.operation.id if server.operation else "")
            return self._runner.take(tx)

        self._runner.carry_on(await self._store.write(work))
        await self.wait(replace(server, operation=None), UNDO_WAIT_SECONDS)

    async def remove(self, server: ServerRecord, seconds: float, *, by: Actor = THE_HUB) -> ServerRecord:
        """Stop a named server and forget it.

        Args:
            server: which.
            seconds: how long to wait at most; it goes on in the background.
            by: who asks.

        Returns:
            The server as it is then.

        Raises:
            InvalidError: it is the default server.
        """
        if not server.name:
            raise InvalidError("the default server cannot be removed, only stopped")
        server = await self.stop(server, remove=True, by=by)
        server = await self.wait(server, seconds)
        # A start that was cancelled ends without having been told to forget the server.
        if not server.active:
            with contextlib.suppress(NotFoundError):
                await self.stop(server, remove=True, by=by)
        return server

    def changes(self, server: ServerRecord) -> AsyncGenerator[ServerRecord, None]:
        """Follow a server: as it is now, then whenever it may have changed.

        Args:
            server: which.

        Returns:
            An iterator over the server; it ends when the server was deleted.
        """
        return self._following.follow(server.id)

    async def check(self, server: ServerRecord) -> ServerRecord:
        """Look at once whether a server that should run does, and tidy up when it does not.

        Args:
            server: which.

        Returns:
            The server as it is then.
        """
        if not server.running:
            return server
        view = await self._store.read(lambda tx: stored_view(tx, self._settings, server))
        try:
            code = await self._hooks.poll(server.backend or self._settings.default_spawner, view)
        except PluginError:
            return server
        if code is None or isinstance(code, Moved):  # the poller moves the route
            return server
        await self.died(server, Failure(message="the server had ended", exit_code=code))
        return await self.wait(server, ENDED_SERVER_SECONDS)
