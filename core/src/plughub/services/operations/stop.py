"""The steps of a stop: unroute, halt, clean."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from plughub.domain.clock import utcnow
from plughub.domain.errors import HubError, PluginError
from plughub.domain.events import EventKind
from plughub.domain.oauth import server_client_id
from plughub.domain.servers import Failure, Phase, ServerRecord
from plughub.kinds import Server
from plughub.plugin.hooks import Hooks
from plughub.services.events import EventTeller
from plughub.services.operations.job import Job
from plughub.services.ports import Transaction
from plughub.services.routing import Router
from plughub.services.settings import HubSettings
from plughub.services.views import plugin_view, server_token_note

log = logging.getLogger("plughub.stop")
TRIES: Final = 3
PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class StopSteps:
    """The steps of a stop.

    Attributes:
        hooks: the hooks.
        settings: of the hub.
        router: the routes.
        events: news.
    """

    hooks: Hooks
    settings: HubSettings
    router: Router
    events: EventTeller

    async def run(self, job: Job) -> None:
        """Carry a stop on from the phase that it is in.

        Args:
            job: the stop.
        """
        steps: Mapping[Phase, Callable[[Job], Awaitable[Phase]]] = {
            Phase.UNROUTE: self._unroute_and_halt,
            Phase.HALT: self._halt,
            Phase.CLEAN: self._clean,
        }
        while job.phase is not Phase.DONE:
            await steps[job.phase](job)

    async def _unroute_and_halt(self, job: Job) -> Phase:
        record, _ = await job.load()
        # A proxy that is out of order must not keep a server alive: the next look at the routes mends it.
        with contextlib.suppress(HubError):
            await self.router.delete(record)
        return await self._halt(job)

    async def _halt(self, job: Job) -> Phase:
        record, user = await job.load()
        view = plugin_view(self.settings, record, user)
        left = await stop_patiently(self.hooks, job.operation.backend, view, now=job.operation.now)
        if not left:
            return await self._clean(job)
        log.error("%s could not be stopped: %s", record.full_name, left)
        failure = Failure(
            message=f"the server could not be stopped: {left}", plugin=job.operation.backend, at=utcnow()
        )
        await job.advance(Phase.DONE, lambda tx: tx.servers.still_running(record.id, failure))
        with contextlib.suppress(HubError):
            await self.router.add(record)
        return Phase.DONE

    async def _clean(self, job: Job) -> Phase:
        record, _ = await job.load()
        died = job.operation.failure

        def end(tx: Transaction) -> None:
            remove_traces(tx, record, died, job.operation.id)

        await job.advance(Phase.DONE, end)
        kind = EventKind.SERVER_DIED if died else EventKind.STOP
        reason = {"reason": died.message} if died else {}
        self.events.tell(kind, record.user, record.name, actor=job.operation.requested_by, **reason)
        return Phase.DONE


async def stop_patiently(hooks: Hooks, plugin: str, server: Server, *, now: bool) -> str:
    """Stop a server, trying again when its plugin fails.

    Args:
        hooks: the hooks.
        plugin: its plugin.
        server: the server.
        now: without a gentle end.

    Returns:
        Why it could not be stopped; empty when it is gone.
    """
    reason = ""
    for attempt in range(1, TRIES + 1):
        try:
            await hooks.stop(plugin, server, now=now)
        except PluginError as error:
            log.warning("%s (%d of %d)", error, attempt, TRIES, exc_info=error.__cause__)
            reason = error.reason
            await asyncio.sleep(PAUSE * 2**attempt)
        else:
            return ""
    return reason


def remove_traces(tx: Transaction, record: ServerRecord, failure: Failure | None, operation_id: str) -> None:
    """Store that nothing of a server is left: no token, no OAuth client, and not itself if so wanted.

    Args:
        tx: the transaction.
        record: the server.
        failure: why it ended although it should not.
        operation_id: what ends it; somebody may just have asked to forget the server, too.
    """
    tx.tokens.delete(tx.tokens.of_note(record.user_id, server_token_note(record)))
    tx.oauth.delete_client(record.oauth_client_id or server_client_id(record.user, record.name))
    tx.servers.stopped(record.id, failure)
    operation = tx.operations.get(operation_id)
    if operation is not None and operation.remove:
        tx.servers.delete(record.id)
