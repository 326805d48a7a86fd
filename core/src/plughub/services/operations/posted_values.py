"""Values that a starting server posts to the hub, such as the port that it has chosen, for its spawner.

The server may reach any hub process, so the values go through the database to the process that executes the
start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from plughub.domain.errors import ConflictError, HubError, InvalidError
from plughub.domain.timings import RETRY_SECONDS
from plughub.kinds import Server
from plughub.plugin.hooks import Hooks
from plughub.services.operations.credentials import server_token_keys
from plughub.services.operations.job import Job
from plughub.services.operations.server_watch import ServerSubscriptions
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.start")
MAX_BYTES: Final = 4096
"""Largest size of posted values as JSON."""


class PostedValues:
    """Accepts values from starting servers, and passes them to the spawners that wait for them.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        subscriptions: sends changes of servers to subscribers.
    """

    def __init__(
        self, store: Store, hooks: Hooks, settings: HubSettings, subscriptions: ServerSubscriptions
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._subscriptions = subscriptions

    async def post(self, principal: Principal, values: Mapping[str, Any]) -> None:
        """Accept values from a starting server.

        Args:
            principal: principal of the server's own token.
            values: values that replace earlier ones of the same name.

        Raises:
            ConflictError: the token is not that of a server which is being launched.
            InvalidError: the values are too large.
        """
        if len(json.dumps(values)) > MAX_BYTES:
            raise InvalidError(f"a server may post {MAX_BYTES} bytes at most")
        server_id = await self._store.write(lambda tx: self._store_values(tx, principal, values))
        self._subscriptions.server_watch.changed(server_id)

    @contextlib.asynccontextmanager
    async def delivered(self, job: Job, view: Server) -> AsyncGenerator[None]:
        """Pass the values that the server of a start posts to its spawner, while it launches the server.

        Args:
            job: the start.
            view: the server, as passed to `hub_spawn`.
        """
        if not self._hooks.receives_values(job.operation.backend):
            yield
            return
        task = asyncio.create_task(self._deliver(job, view))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _store_values(self, tx: Transaction, principal: Principal, values: Mapping[str, Any]) -> int:
        servers = tx.servers.of_user(principal.owner.id) if principal.is_user and principal.token_key else []
        for server in servers:
            if server.operation is None:
                continue
            # An earlier launch of this server may still run, with an older token.
            newest = max(server_token_keys(tx, self._settings, server), default=None)
            if principal.token_key == newest and tx.posted_values.add(server.id, values):
                return server.id
        raise ConflictError("only a server that is being launched can post values, with its own token")

    async def _deliver(self, job: Job, view: Server) -> None:
        passed: Mapping[str, Any] = {}
        is_new = not job.is_resumed  # then nothing can have been posted yet
        while True:
            try:
                async with contextlib.aclosing(
                    self._subscriptions.subscribe(job.operation.server_id, skip_current=is_new)
                ) as seen:
                    is_new = False
                    async for server in seen:
                        posted = server.operation.posted if server.operation else {}
                        if posted != passed:
                            await self._hooks.receive(job.operation.backend, view, posted)
                            passed = posted
                return
            except HubError as error:
                log.warning("cannot pass what %s has posted to its spawner yet: %s", view.full_name, error)
                await asyncio.sleep(RETRY_SECONDS)
