"""Force-forget: an admin declares that a server on a lost plugin or machine is gone."""

from __future__ import annotations

import contextlib
import logging
from typing import Final

from plughub.domain.errors import ConflictError, HubError, NotFoundError, PluginError
from plughub.domain.servers import Operation, OperationKind, Phase, ServerRecord
from plughub.domain.usage import Outcome
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.hub_registry import live_backends
from plughub.services.observability.run_records import record_end
from plughub.services.operations.credentials import revoke_credentials
from plughub.services.operations.server_watch import ServerWatch
from plughub.services.routes.router import Router
from plughub.services.server_records import stored_view
from plughub.services.servers.unrunnable_operations import Requirement, can_run
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.servers")
_STOP_IT: Final = "Stop it instead."


class ForceForget:
    """Marks servers as stopped that no hub process can ask about any more.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        router: removes the route.
        server_watch: notified when a server changes.
    """

    def __init__(
        self, store: Store, hooks: Hooks, settings: HubSettings, router: Router, server_watch: ServerWatch
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._router = router
        self._server_watch = server_watch

    async def forget(self, server: ServerRecord) -> ServerRecord:
        """Mark a server as stopped: end its operation, delete its route, token and OAuth client.

        If the server comes back after all, the poller finds it as an orphan and stops it.

        Args:
            server: the server.

        Returns:
            The server as it was.

        Raises:
            ConflictError: it is not running, or its plugin can be asked.
            NotFoundError: it was deleted.
        """
        record = await self._store.read(lambda tx: self._read_forgettable(tx, server))
        await self._check_unreachable(record)
        # Before the server is marked as stopped: a start that follows at once adds a route of its own.
        with contextlib.suppress(HubError):
            await self._router.delete(record)
        await self._store.write(lambda tx: self._mark_stopped(tx, record))
        log.warning(
            "%s is forgotten without having been stopped: %s",
            record.full_name,
            _describe(self._requirement(record)),
        )
        self._server_watch.changed(record.id)
        return record

    def _read_forgettable(self, tx: Transaction, server: ServerRecord) -> ServerRecord:
        """Read a server, and refuse unless it may be forgotten, as far as the database tells."""
        current = tx.servers.by_id(server.id)
        if current is None:
            raise NotFoundError(f"there is no server {server.full_name!r}")
        if not current.active:
            raise ConflictError(f"{current.full_name} is not running: there is nothing to forget")
        requirement = self._requirement(current)
        available = live_backends(tx, self._settings.lease)
        if available is None:
            raise ConflictError("a hub process of an older version is running, and its plugins are unknown")
        problem = (current.operation.problem if current.operation else "") or current.unknown
        if not self._is_local(requirement) and can_run(requirement, available) and not problem:
            raise ConflictError(
                f"{_describe(requirement)} is available in another hub process", hint=_STOP_IT
            )
        return current

    async def _check_unreachable(self, server: ServerRecord) -> None:
        """Ask the plugin where this process has it, and refuse when it answers."""
        requirement = self._requirement(server)
        if not self._is_local(requirement):
            return
        view = await self._store.read(lambda tx: stored_view(tx, self._settings, server))
        with contextlib.suppress(PluginError):
            code = await self._hooks.poll(requirement[0], view)
            state = "has ended" if isinstance(code, int) else "is running"
            raise ConflictError(
                f"{_describe(requirement)} reports that {server.full_name} {state}", hint=_STOP_IT
            )

    def _mark_stopped(self, tx: Transaction, record: ServerRecord) -> None:
        server = self._read_forgettable(tx, record)
        operation = server.operation
        if server.launch != record.launch or not self._take(tx, server, operation):
            raise ConflictError(f"{server.full_name} is being changed by another request; try again")
        if operation is not None:
            _end(tx, operation, self._settings.hub_id)
        revoke_credentials(tx, self._settings, server)
        tx.servers.mark_stopped(server.id, None)
        record_end(tx, server, Outcome.LOST)
        if operation is not None and operation.remove:
            tx.servers.delete(server.id)

    def _take(self, tx: Transaction, server: ServerRecord, operation: Operation | None) -> bool:
        """Lock the server against other changes; False when another process was faster."""
        if operation is None:
            return tx.servers.mark_stopping(server)
        tx.operations.retry_now(operation.id)
        return tx.operations.claim_one(operation.id, self._settings.hub_id, self._settings.lease)

    def _requirement(self, server: ServerRecord) -> Requirement:
        if server.operation is not None:
            return server.operation.backend, server.operation.host
        return server.backend or self._settings.default_spawner, server.host

    def _is_local(self, requirement: Requirement) -> bool:
        plugin, host = requirement
        return plugin in self._settings.spawners and host in {"", self._settings.host}


def _end(tx: Transaction, operation: Operation, holder: str) -> None:
    if operation.kind is OperationKind.START and not operation.is_undoing:
        tx.operations.advance(operation.id, holder, Phase.UNDO)
    tx.operations.advance(operation.id, holder, Phase.DONE)


def _describe(requirement: Requirement) -> str:
    plugin, host = requirement
    return f"plugin {plugin!r} on {host!r}" if host else f"plugin {plugin!r}"
