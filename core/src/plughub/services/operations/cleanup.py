"""The end of a server: what is kept for a start that goes on with it, cleaning up where it is forgotten."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace

from plughub.domain.errors import PluginError
from plughub.domain.oauth import server_client_id
from plughub.domain.servers import Failure, Phase, ServerRecord
from plughub.domain.users import User
from plughub.kinds import Resumable
from plughub.plugin.hooks import Hooks
from plughub.services.operations.job import Job
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.server_records import plugin_view, server_token_notes
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.servers")


class _ToBeForgottenError(Exception):
    """Somebody wants the server forgotten, and its spawner has not cleaned up yet."""


@dataclass(frozen=True, slots=True)
class ServerCleanup:
    """Ends servers.

    Attributes:
        hooks: the hooks.
        settings: of the hub.
        auth_states: the saved secrets.
    """

    hooks: Hooks
    settings: HubSettings
    auth_states: AuthStates

    async def end(self, job: Job, failure: Failure | None, left: Resumable | None = None) -> None:
        """Store that a server is stopped, and that the operation is done. One that is to be forgotten is.

        Args:
            job: what stopped it, or undid its start.
            failure: why it ended although it should not.
            left: what the next start goes on with.
        """
        record, user = await job.load()
        left = _storable(left, record)
        try:
            await job.advance(Phase.DONE, lambda tx: self._store_end(tx, job, record, failure, left))
        except _ToBeForgottenError:
            await job.hold()
            await self.after(record, user)
            await job.advance(
                Phase.DONE, lambda tx: self._store_end(tx, job, record, failure, None, cleaned=True)
            )

    async def after(self, server: ServerRecord, user: User) -> None:
        """Have the spawner of a server clean up after it; a failure is logged and keeps nothing.

        Args:
            server: stopped, and about to be forgotten.
            user: its user.
        """
        plugin = server.backend or self.settings.default_spawner
        if not self.hooks.cleans_up(plugin):
            return
        view = await self.auth_states.in_view(plugin_view(self.settings, server, user), user.id)
        try:
            await self.hooks.delete_server(plugin, view)
        except PluginError as error:
            log.error("%s is deleted, but something may be left of it: %s", server.full_name, error)

    def _store_end(
        self,
        tx: Transaction,
        job: Job,
        record: ServerRecord,
        failure: Failure | None,
        left: Resumable | None,
        *,
        cleaned: bool = False,
    ) -> None:
        operation = tx.operations.get(job.operation.id)
        forgotten = operation is not None and operation.remove
        if forgotten and not cleaned:
            raise _ToBeForgottenError
        if left is not None and not own_tokens(tx, self.settings, record):
            left = None  # its token was revoked, and what is resumed has no other
        if left is None:
            void_credentials(tx, self.settings, record)
        tx.servers.stopped(record.id, failure, {} if left is None else left.state)
        if forgotten:
            tx.servers.delete(record.id)


def own_tokens(tx: Transaction, settings: HubSettings, server: ServerRecord) -> list[int]:
    """List the keys of the tokens that were made for a server itself.

    Args:
        tx: the transaction.
        settings: of the hub.
        server: the server.

    Returns:
        The keys.
    """
    notes = server_token_notes(settings, server)
    return [key for note in notes for key in tx.tokens.of_note(server.user_id, note)]


def void_credentials(tx: Transaction, settings: HubSettings, server: ServerRecord) -> None:
    """Delete the tokens and the OAuth client of a server, with what the client was given.

    Args:
        tx: the transaction.
        settings: of the hub.
        server: the server, as it was while it ran, under the name that it had.
    """
    tx.tokens.delete(own_tokens(tx, settings, server))
    tx.oauth.delete_client(server.oauth_client_id or server_client_id(server.user, server.name))


def forget_server(tx: Transaction, settings: HubSettings, server: ServerRecord) -> None:
    """Delete a server that does not run, and every credential that bears its name.

    Args:
        tx: the transaction.
        settings: of the hub.
        server: the server.
    """
    void_credentials(tx, settings, server)
    tx.servers.delete(server.id)


def _storable(left: Resumable | None, server: ServerRecord) -> Resumable | None:
    """Give what can be stored of what a spawner left: a server whose end cannot be stored never ends."""
    try:
        return None if left is None else replace(left, state=json.loads(json.dumps(dict(left.state))))
    except (TypeError, ValueError, AttributeError) as error:
        log.error("what %r has left of %s cannot be stored: %s", server.backend, server.full_name, error)
        return None
