"""The end of a server: saved state for a start that resumes it, and cleanup after deletion."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace

from plughub.domain.errors import PluginError
from plughub.domain.servers import Failure, Phase, ServerRecord
from plughub.domain.usage import Outcome
from plughub.domain.users import User
from plughub.kinds import Resumable
from plughub.plugin.hooks import Hooks
from plughub.services.observability.run_records import record_end
from plughub.services.operations.credentials import revoke_credentials, server_token_keys
from plughub.services.operations.job import Job
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.server_records import plugin_view
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.servers")


class _SpawnerCleanupNeededError(Exception):
    """The server is to be deleted, and its spawner has not cleaned up yet."""


@dataclass(frozen=True, slots=True)
class ServerCleanup:
    """Ends servers.

    Attributes:
        hooks: the hooks.
        settings: settings of the hub.
        auth_states: stored auth states.
    """

    hooks: Hooks
    settings: HubSettings
    auth_states: AuthStates

    async def finish(self, job: Job, failure: Failure | None, resumable: Resumable | None = None) -> None:
        """Store that a server has stopped and its operation is done; delete the server if that was requested.

        Args:
            job: the operation that stopped the server, or undid its start.
            failure: why the server ended unexpectedly.
            resumable: state from which the next start resumes.
        """
        record, user = await job.load()
        resumable = _storable_state(resumable, record)
        try:
            await job.advance(Phase.DONE, lambda tx: self._store_end(tx, job, record, failure, resumable))
        except _SpawnerCleanupNeededError:
            await job.ensure_lease()
            await self.run_spawner_cleanup(record, user)
            await job.advance(
                Phase.DONE, lambda tx: self._store_end(tx, job, record, failure, None, cleaned=True)
            )

    async def run_spawner_cleanup(self, server: ServerRecord, user: User) -> None:
        """Call the spawner's cleanup for a server that is about to be deleted; failures are only logged."""
        plugin = server.backend or self.settings.default_spawner
        if not self.hooks.cleans_up(plugin):
            return
        view = await self.auth_states.with_auth_state(plugin_view(self.settings, server, user), user.id)
        try:
            await self.hooks.delete_server(plugin, view)
        except PluginError as error:
            log.error("deleting %s, but its spawner may not have cleaned up: %s", server.full_name, error)

    def _store_end(
        self,
        tx: Transaction,
        job: Job,
        record: ServerRecord,
        failure: Failure | None,
        resumable: Resumable | None,
        *,
        cleaned: bool = False,
    ) -> None:
        forgotten = tx.operations.is_removed_at_end(job.operation.id)
        if forgotten and not cleaned:
            raise _SpawnerCleanupNeededError
        if resumable is not None and not server_token_keys(tx, self.settings, record):
            resumable = None  # its token was revoked, and a resumed server has no other
        if resumable is None:
            revoke_credentials(tx, self.settings, record)
        tx.servers.mark_stopped(record.id, failure, {} if resumable is None else resumable.state)
        record_end(tx, record, Outcome.STOPPED if failure is None else Outcome.DIED)
        if forgotten:
            tx.servers.delete(record.id)


def delete_server(tx: Transaction, settings: HubSettings, server: ServerRecord) -> None:
    """Delete a server that is not running, and all its credentials."""
    revoke_credentials(tx, settings, server)
    tx.servers.delete(server.id)


def _storable_state(resumable: Resumable | None, server: ServerRecord) -> Resumable | None:
    """Return the state as it is stored; None, with an error in the log, when it is not JSON."""
    # An invalid state must not keep the server from ending.
    try:
        if resumable is None:
            return None
        return replace(resumable, state=json.loads(json.dumps(dict(resumable.state))))
    except (TypeError, ValueError, AttributeError) as error:
        log.error("plugin %r returned an invalid state for %s: %s", server.backend, server.full_name, error)
        return None
