"""Operations that no hub process can execute: their plugin or machine has none."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from plughub.domain.clock import utcnow
from plughub.domain.explanations import explained, parts_of, with_details
from plughub.domain.servers import Failure, Operation, OperationKind, Phase, Status
from plughub.domain.timings import ORPHAN_CHECK_SECONDS, ORPHAN_RETRY_SECONDS
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.hub_registry import live_backends
from plughub.services.coordination.leases import Leadership
from plughub.services.operations.cleanup import delete_server
from plughub.services.operations.server_watch import ServerWatch
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.stranded")
Requirement = tuple[str, str]
"""The plugin that an operation needs, and the machine that it is bound to, empty for any."""


class UnrunnableOperations:
    """Reports unrunnable operations to their users, and ends starts that have launched nothing.

    Args:
        store: the storage.
        settings: settings of the hub.
        server_watch: notified when a server changes.
    """

    def __init__(self, store: Store, settings: HubSettings, server_watch: ServerWatch) -> None:
        self._store = store
        self._settings = settings
        self._server_watch = server_watch
        self._leadership = Leadership(store, settings, "stranded")
        self._since: dict[Requirement, float] = {}

    async def run(self) -> None:
        """Check for unrunnable operations until cancelled."""
        pause = min(ORPHAN_CHECK_SECONDS, self._settings.stranded_after)
        await repeat(self.run_once, pause, "cannot look for unrunnable operations", log)

    async def run_once(self) -> None:
        """Handle the operations that have been unrunnable for long enough."""
        unrunnable = await self._store.read(self._unrunnable)
        if not unrunnable or not await self._leadership.acquire():  # without any, no lease is needed
            self._since.clear()
            return
        now = time.monotonic()
        self._since = {requirement: self._since.get(requirement, now) for requirement in unrunnable}
        for requirement, since in self._since.items():
            if now - since >= self._settings.stranded_after:
                await self._handle(requirement)

    def _unrunnable(self, tx: Transaction) -> frozenset[Requirement]:
        available = live_backends(tx, self._settings.lease)
        if available is None:
            return frozenset()
        wanted = {
            requirement for requirement in tx.operations.work() | tx.servers.running_on() if requirement[0]
        }
        return frozenset(requirement for requirement in wanted if not can_run(requirement, available))

    async def _handle(self, requirement: Requirement) -> None:
        reason = self._reason(requirement)

        def write(tx: Transaction) -> list[tuple[Operation, str]]:
            if tx.servers.set_unknown_of(*requirement, reason):
                log.warning("leaving servers unchanged: %s", explained(reason, details=True))
            waiting = tx.operations.free_of(*requirement)
            servers = tx.servers.by_ids([operation.server_id for operation in waiting])
            names = {server.id: server.full_name for server in servers}
            return [
                (operation, names.get(operation.server_id, f"server {operation.server_id}"))
                for operation in waiting
                if self._end_or_postpone(tx, operation, reason)
            ]

        for operation, server in await self._store.write(write):
            why = explained(reason, details=True)
            log.warning("%s of %s (%s) waits: %s", operation.kind, server, operation.reference, why)
            self._server_watch.changed(operation.server_id)

    def _reason(self, requirement: Requirement) -> str:
        plugin, host = requirement
        if host:
            detail = f"it is bound to the machine {host!r}, where no hub process has plugin {plugin!r}"
        else:
            detail = f"plugin {plugin!r} is not active in any hub process (--plugins)"
        return with_details("no process of the hub can handle it at present", detail)

    def _end_or_postpone(self, tx: Transaction, operation: Operation, reason: str) -> bool:
        """End a start that has launched nothing; postpone anything else with the reason."""
        holder = self._settings.hub_id
        if not tx.operations.claim_one(operation.id, holder, self._settings.lease):
            return False
        server = tx.servers.by_id(operation.server_id)
        if operation.kind is OperationKind.START and not operation.is_undoing:
            why, detail = parts_of(reason)
            message = f"the server could not be started: {why}"
            failure = Failure(
                message=message,
                detail=detail,
                reference=operation.reference,
                plugin=operation.backend,
                at=utcnow(),
                status=503,
            )
            tx.operations.advance(operation.id, holder, Phase.UNDO, failure=failure)
            tx.servers.record_failure(operation.server_id, failure)
            if server is not None and server.status is Status.STOPPED:
                tx.operations.advance(operation.id, holder, Phase.DONE)
                tx.servers.request_stop(server.id)
                if operation.remove:
                    delete_server(tx, self._settings, server)
                return True
        tx.operations.postpone(operation.id, holder, reason, ORPHAN_RETRY_SECONDS)
        tx.changes.add_server(operation.server_id)
        return operation.problem != reason


def can_run(requirement: Requirement, available: Collection[Requirement]) -> bool:
    """Return whether a live hub process has the plugin, on the required machine if there is one.

    Args:
        requirement: plugin and machine of an operation.
        available: plugins and machines of the live hub processes.
    """
    plugin, host = requirement
    return any(plugin == has and host in {"", where} for has, where in available)
