"""Deletion of users, in stored steps that any process can resume."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection

from plughub.domain.errors import HubError, InvalidError
from plughub.domain.events import Actor
from plughub.domain.timings import DELETION_CHECK_SECONDS, STOP_SERVER_SECONDS
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.operations.cleanup import ServerCleanup, delete_server
from plughub.services.server_records import user_view
from plughub.services.servers.servers import ServerService
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.services.users.access_revocation import revoke_access
from plughub.services.users.sessions import end_sessions
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.users")


class UserDeletion:
    """Deletes users, and resumes deletions of processes that have ended.

    The intent is stored first; from then on the user can neither log in nor start servers. Then the servers
    are stopped, authenticators and spawners clean up, and the user is deleted with all records. Each step is
    idempotent. If one fails, the user is kept.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        servers: stops the user's servers.
        cleanup: cleans up deleted servers.
        change_feed: knows whether any deletion is pending.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        servers: ServerService,
        cleanup: ServerCleanup,
        change_feed: ChangeFeed | None = None,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._servers = servers
        self._cleanup = cleanup
        self._change_feed = change_feed or ChangeFeed()
        self._busy: Counter[int] = Counter()

    async def delete(
        self,
        user: User,
        seconds: float,
        *,
        by: Principal | None = None,
        check: Callable[[User], None] = lambda _user: None,
    ) -> None:
        """Delete a user.

        Args:
            user: the user.
            seconds: longest wait for the servers to stop.
            by: the caller; None for the hub itself.
            check: called with the stored user; raises when the caller may not delete them.

        Raises:
            InvalidError: the caller is the user, or a server has not stopped yet.
            PluginError: an authenticator could not clean up; the user is kept.
        """
        if by is not None and by.is_user and by.name == user.name:
            raise InvalidError("Cannot delete yourself!")
        name, holder = by.qualified_name if by else "", self._settings.hub_id

        def store_request(tx: Transaction) -> None:
            tx.users.lock(user.id)
            current = tx.users.by_id(user.id)
            if current is not None:
                check(current)
            if any(server.pending == "stop" for server in tx.servers.of_user(user.id)):
                raise InvalidError(
                    _("%(user)s's server is in the process of stopping, please wait.", user=user.name)
                )
            if current is not None:
                tx.pending_deletions.begin(user.id, holder=holder, requested_by=name)
                end_sessions(tx, user.id)

        # Before the intent is stored, so that `run_once` does not resume this deletion.
        self._busy[user.id] += 1
        try:
            await self._store.write(store_request)
            await self._execute(user, seconds, name)
        finally:
            self._release(user.id)

    async def resume_pending(self) -> None:
        """Resume pending deletions of other processes until cancelled."""
        await repeat(self._run_if_needed, DELETION_CHECK_SECONDS, "cannot resume deletions of users", log)

    async def _run_if_needed(self) -> None:
        if not self._change_feed.has_no_pending_deletions:
            await self.run_once()

    async def run_once(self) -> None:
        """Resume deletions of dead processes, and those that this process had to interrupt."""
        busy = frozenset(self._busy)

        def take(tx: Transaction) -> list[User]:
            live_hubs = [hub.id for hub in tx.hub_processes.list()]
            if self._settings.hub_id not in live_hubs:
                return []
            taken = tx.pending_deletions.take_abandoned(self._settings.hub_id, live_hubs, busy)
            return [user for user in map(tx.users.by_id, taken) if user is not None]

        for user in await self._store.write(take):
            if user.id in self._busy:  # started in the meantime
                continue
            log.info("resuming the deletion of user %s", user.name)
            self._busy[user.id] += 1
            try:
                await self._execute(user, STOP_SERVER_SECONDS, "")
            except HubError as error:
                log.error("cannot delete user %s: %s", user.name, error)
            finally:
                self._release(user.id)

    async def _execute(self, user: User, seconds: float, by: str) -> None:
        try:
            await self._stop_servers(user, seconds, by)
            await self._notify_authenticators(user)
            await self._clean_up_servers(user)
            await self._store.write(lambda tx: self._delete_records(tx, user))
        except Exception:
            await self._store.write(lambda tx: tx.pending_deletions.cancel(user.id))
            raise

    def _release(self, user_id: int) -> None:
        self._busy[user_id] -= 1
        if not self._busy[user_id]:
            del self._busy[user_id]

    async def _stop_servers(self, user: User, seconds: float, by: str) -> None:
        active = [server for server in await self._servers.of_user(user) if server.active]
        until = time.monotonic() + seconds
        stopping = await asyncio.gather(*(self._servers.stop(server, by=Actor(name=by)) for server in active))
        ended = await asyncio.gather(
            *(self._servers.wait(server, until - time.monotonic()) for server in stopping)
        )
        if any(server.active for server in ended):
            raise _not_stopped(user)

    async def _notify_authenticators(self, user: User) -> None:
        plugins = await self._store.read(lambda tx: authenticators_of(tx, self._settings, [user.id])[user.id])
        info = user_view(user, auth_state=await self._cleanup.auth_states.get(user.id))
        for plugin in plugins:
            await self._hooks.delete_user(plugin, info)

    async def _clean_up_servers(self, user: User) -> None:
        for server in await self._servers.of_user(user):
            await self._cleanup.run_spawner_cleanup(server, user)

    def _delete_records(self, tx: Transaction, user: User) -> None:
        tx.users.lock(user.id)
        current = tx.users.by_id(user.id)
        if current is None:
            return
        if not tx.pending_deletions.is_pending(user.id):
            raise InvalidError(_("the deletion of %(user)s was cancelled; try again", user=user.name))
        servers = tx.servers.of_user(user.id)
        if any(server.active for server in servers):
            raise _not_stopped(user)
        for server in servers:
            delete_server(tx, self._settings, server)
        revoke_access(tx, current)
        tx.user_list.delete(user.id)


def authenticators_of(
    tx: Transaction, settings: HubSettings, user_ids: Collection[int]
) -> dict[int, tuple[str, ...]]:
    """Return the active authenticators that users belong to.

    Args:
        tx: the transaction.
        settings: settings of the hub.
        user_ids: keys of the users.

    Returns:
        For each key, those that know the user; for a user who never logged in, those for which an admin added
        them, or else all.
    """
    known, active = tx.user_list.plugins_of(user_ids), settings.authenticators
    return {key: tuple(name for name in active if name in known.get(key, active)) for key in user_ids}


def _not_stopped(user: User) -> InvalidError:
    return InvalidError(_("%(user)s's server has not stopped yet, please try again.", user=user.name))
