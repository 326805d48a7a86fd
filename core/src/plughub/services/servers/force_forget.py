"""Servers whose plugin or machine never returns: an admin says that they are gone."""

from __future__ import annotations

import contextlib
import logging
from typing import Final

from plughub.domain.errors import ConflictError, HubError, NotFoundError, PluginError
from plughub.domain.servers import Operation, OperationKind, Phase, ServerRecord
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.hub_registry import living_backends
from plughub.services.operations.cleanup import void_credentials
from plughub.services.operations.server_watch import ServerWatch
from plughub.services.routes.router import Router
from plughub.services.server_records import stored_view
from plughub.services.servers.unrunnable_operations import Work, is_able
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.servers")
_STOP_IT: Final = "Stop it instead."


class ForceForget:
    """Calls servers stopped without asking who runs them, where nobody can be asked any more.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        router: the routes.
        server_watch: woken when a server changes.
    """

    def __init__(
        self, store: Store, hooks: Hooks, settings: HubSettings, router: Router, server_watch: ServerWatch
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._router = router
        self._watchers = server_watch

    async def forget(self, server: ServerRecord) -> ServerRecord:
        """Call a server stopped: its route, token and OAuth client go, what is being done to it ends.

        What comes back after all belongs to nobody then: it is found as a leftover and stopped.

        Args:
            server: which.

        Returns:
            The server as it was.

        Raises:
            ConflictError: it does not run, or who runs it can be asked.
            NotFoundError: it was deleted.
        """
        seen = await self._store.read(lambda tx: self._gone(tx, server))
        await self._check_silent(seen)
        # Before it is written: a start that follows at once adds a route of its own.
        with contextlib.suppress(HubError):
            await self._router.delete(seen)
        await self._store.write(lambda tx: self._write_down(tx, seen))
        log.warning(
            "%s is forgotten without having been stopped: %s", seen.full_name, _named(self._who(seen))
        )
        self._watchers.changed(seen.id)
        return seen

    def _gone(self, tx: Transaction, server: ServerRecord) -> ServerRecord:
        """Read a server that may be forgotten, as far as the database knows."""
        current = tx.servers.by_id(server.id)
        if current is None:
            raise NotFoundError(f"there is no server {server.full_name!r}")
        if not current.active:
            raise ConflictError(f"{current.full_name} does not run: there is nothing to forget")
        work = self._who(current)
        able = living_backends(tx, self._settings.lease)
        if able is None:
            raise ConflictError("a hub process of an older version runs: nobody knows which plugins it has")
        trouble = (current.operation.trouble if current.operation else "") or current.unknown
        if not self._is_here(work) and is_able(work, able) and not trouble:
            raise ConflictError(f"{_named(work)} is there, in another hub process", hint=_STOP_IT)
        return current

    async def _check_silent(self, server: ServerRecord) -> None:
        """Ask the plugin, where this process can; it must not answer."""
        work = self._who(server)
        if not self._is_here(work):
            return
        view = await self._store.read(lambda tx: stored_view(tx, self._settings, server))
        with contextlib.suppress(PluginError):
            code = await self._hooks.poll(work[0], view)
            state = "that it runs" if code is None else "that it has ended"
            raise ConflictError(f"{_named(work)} says of {server.full_name} {state}", hint=_STOP_IT)

    def _write_down(self, tx: Transaction, seen: ServerRecord) -> None:
        server = self._gone(tx, seen)
        operation = server.operation
        if server.launch != seen.launch or not self._take(tx, server, operation):
            raise ConflictError(f"something is being done to {server.full_name} right now, please try again")
        if operation is not None:
            _end(tx, operation, self._settings.hub_id)
        void_credentials(tx, self._settings, server)
        tx.servers.stopped(server.id, None)
        if operation is not None and operation.remove:
            tx.servers.delete(server.id)

    def _take(self, tx: Transaction, server: ServerRecord, operation: Operation | None) -> bool:
        """Keep everybody else away; False when somebody was a moment ahead."""
        if operation is None:
            return tx.servers.stopping(server)
        tx.operations.retry_now(operation.id)
        return tx.operations.claim_one(operation.id, self._settings.hub_id, self._settings.lease)

    def _who(self, server: ServerRecord) -> Work:
        if server.operation is not None:
            return server.operation.backend, server.operation.host
        return server.backend or self._settings.default_spawner, server.host

    def _is_here(self, work: Work) -> bool:
        plugin, host = work
        return plugin in self._settings.spawners and host in {"", self._settings.host}


def _end(tx: Transaction, operation: Operation, holder: str) -> None:
    if operation.kind is OperationKind.START and not operation.undoing:
        tx.operations.advance(operation.id, holder, Phase.UNDO)
    tx.operations.advance(operation.id, holder, Phase.DONE)


def _named(work: Work) -> str:
    plugin, host = work
    return f"plugin {plugin!r} on {host!r}" if host else f"plugin {plugin!r}"
