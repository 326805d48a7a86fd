"""Work that no hub can do: its plugin is active nowhere, or the machine that it is bound to has no hub."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from plughub.domain.clock import utcnow
from plughub.domain.explanations import explained, parts_of, with_details
from plughub.domain.servers import Failure, Operation, OperationKind, Phase, Status
from plughub.domain.timings import ORPHAN_CHECK_SECONDS, ORPHAN_RETRY_SECONDS
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.hub_registry import living_backends
from plughub.services.coordination.leases import Leadership
from plughub.services.operations.cleanup import forget_server
from plughub.services.operations.server_watch import ServerWatch
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.stranded")
Work = tuple[str, str]
"""A plugin, and the machine that it is bound to, empty for any."""


class UnrunnableOperations:
    """Tells users of work that no hub can do, and ends what nothing was launched for.

    Args:
        store: the storage.
        settings: of the hub.
        server_watch: woken when a server changes.
    """

    def __init__(self, store: Store, settings: HubSettings, server_watch: ServerWatch) -> None:
        self._store = store
        self._settings = settings
        self._watchers = server_watch
        self._lead = Leadership(store, settings, "stranded")
        self._since: dict[Work, float] = {}

    async def run(self) -> None:
        """Look for such work for ever."""
        pause = min(ORPHAN_CHECK_SECONDS, self._settings.stranded_after)
        await repeat(self.look, pause, "cannot look for work that nobody can do", log)

    async def look(self) -> None:
        """Look once; what nobody could do for long enough is dealt with."""
        lonely = await self._store.read(self._lonely)
        if not lonely or not await self._lead.take():  # where there is none, nobody need renew a lease
            self._since.clear()
            return
        now = time.monotonic()
        self._since = {work: self._since.get(work, now) for work in lonely}
        for work, since in self._since.items():
            if now - since >= self._settings.stranded_after:
                await self._deal_with(work)

    def _lonely(self, tx: Transaction) -> frozenset[Work]:
        able = living_backends(tx, self._settings.lease)
        if able is None:
            return frozenset()
        wanted = {work for work in tx.operations.work() | tx.servers.running_on() if work[0]}
        return frozenset(work for work in wanted if not is_able(work, able))

    async def _deal_with(self, work: Work) -> None:
        reason = self._reason(work)

        def write(tx: Transaction) -> list[Operation]:
            if tx.servers.set_unknown_of(*work, reason):
                log.warning("servers are left as they are: %s", explained(reason, details=True))
            found = tx.operations.free_of(*work)
            return [operation for operation in found if self._give_up(tx, operation, reason)]

        for operation in await self._store.write(write):
            why = explained(reason, details=True)
            log.warning("%s of server %d waits: %s", operation.kind, operation.server_id, why)
            self._watchers.changed(operation.server_id)

    def _reason(self, work: Work) -> str:
        plugin, host = work
        if host:
            detail = f"it is bound to the machine {host!r}, where no hub with plugin {plugin!r} runs"
        else:
            detail = f"plugin {plugin!r} is active in no hub (--plugins)"
        return with_details("no process of the hub can work on it at present", detail)

    def _give_up(self, tx: Transaction, operation: Operation, reason: str) -> bool:
        """End a start that has launched nothing; anything else waits, and says for what."""
        holder = self._settings.hub_id
        if not tx.operations.claim_one(operation.id, holder, self._settings.lease):
            return False
        server = tx.servers.by_id(operation.server_id)
        if operation.kind is OperationKind.START and not operation.undoing:
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
            tx.servers.failed(operation.server_id, failure)
            if server is not None and server.status is Status.STOPPED:
                tx.operations.advance(operation.id, holder, Phase.DONE)
                tx.servers.unwanted(server.id)
                if operation.remove:
                    forget_server(tx, self._settings, server)
                return True
        tx.operations.postpone(operation.id, holder, reason, ORPHAN_RETRY_SECONDS)
        return operation.trouble != reason


def is_able(work: Work, able: Collection[Work]) -> bool:
    """Tell whether a living hub can do something.

    Args:
        work: plugin and machine.
        able: plugins and machines of the living hubs.

    Returns:
        Whether one has the plugin, on that machine if it is bound to one.
    """
    plugin, host = work
    return any(plugin == has and host in {"", where} for has, where in able)
