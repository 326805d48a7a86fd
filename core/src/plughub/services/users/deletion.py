"""Deleting users: written down first, then done step by step, by whichever process lives."""

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
from plughub.kinds import UserInfo
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.background_loops import repeat
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.operations.cleanup import ServerCleanup, forget_server
from plughub.services.servers.servers import ServerService
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.services.users.access_revocation import end_access
from plughub.services.users.sessions import end_sessions
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.users")


class UserDeletion:
    """Deletes users, and goes on with what processes had begun that live no more.

    That a user is to be deleted is written down before anything is done. From then on she can neither log
    in nor start anything. Servers are stopped, her authenticators and spawners clean up, then she is
    forgotten with all that is hers. Each step may be done twice. A step that fails keeps her.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        servers: stops her servers.
        clean_up: what comes after a server that is forgotten.
        change_feed: knows whether anybody is being deleted.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        servers: ServerService,
        clean_up: ServerCleanup,
        change_feed: ChangeFeed | None = None,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._servers = servers
        self._clean_up = clean_up
        self._pulse = change_feed or ChangeFeed()
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
            user: who.
            seconds: how long her servers may take to stop.
            by: who asks; None for the hub itself.
            check: gets the user as stored, and raises when the caller may not delete them.

        Raises:
            InvalidError: it is who asks, or a server has not stopped yet.
            PluginError: an authenticator could not clean up; she stays.
        """
        if by is not None and by.is_user and by.name == user.name:
            raise InvalidError("Cannot delete yourself!")
        name, holder = by.called if by else "", self._settings.hub_id

        def intend(tx: Transaction) -> None:
            tx.users.lock(user.id)
            current = tx.users.by_id(user.id)
            if current is not None:
                check(current)
            if any(server.pending == "stop" for server in tx.servers.of_user(user.id)):
                raise InvalidError(f"{user.name}'s server is in the process of stopping, please wait.")
            if current is not None:
                tx.pending_deletions.begin(user.id, holder=holder, requested_by=name)
                end_sessions(tx, user.id)

        # Before it is written: `look` goes on with what stands there and nobody is busy with.
        self._busy[user.id] += 1
        try:
            await self._store.write(intend)
            await self._carry_out(user, seconds, name)
        finally:
            self._leave(user.id)

    async def go_on(self) -> None:
        """Go on with what processes had begun that live no more, for ever."""
        await repeat(self._look_if_need_be, DELETION_CHECK_SECONDS, "cannot look for users to delete", log)

    async def _look_if_need_be(self) -> None:
        if not self._pulse.nobody_leaves:
            await self.look()

    async def look(self) -> None:
        """Go on, once, with what dead processes had begun and with what this one had to leave."""
        busy = frozenset(self._busy)

        def take(tx: Transaction) -> list[User]:
            living = [hub.id for hub in tx.hub_processes.list()]
            if self._settings.hub_id not in living:
                return []
            taken = tx.pending_deletions.take_abandoned(self._settings.hub_id, living, busy)
            return [user for user in map(tx.users.by_id, taken) if user is not None]

        for user in await self._store.write(take):
            if user.id in self._busy:  # begun since this look began
                continue
            log.info("going on with the deletion of %s", user.name)
            self._busy[user.id] += 1
            try:
                await self._carry_out(user, STOP_SERVER_SECONDS, "")
            except HubError as error:
                log.error("%s is not deleted: %s", user.name, error)
            finally:
                self._leave(user.id)

    async def _carry_out(self, user: User, seconds: float, by: str) -> None:
        try:
            await self._stop_servers(user, seconds, by)
            await self._tell_authenticators(user)
            await self._clean_up_servers(user)
            await self._store.write(lambda tx: self._forget(tx, user))
        except Exception:
            await self._store.write(lambda tx: tx.pending_deletions.withdraw(user.id))
            raise

    def _leave(self, user_id: int) -> None:
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

    async def _tell_authenticators(self, user: User) -> None:
        plugins = await self._store.read(lambda tx: authenticators_of(tx, self._settings, user.id))
        info = UserInfo(
            name=user.name,
            admin=user.admin,
            groups=user.groups,
            auth_state=await self._clean_up.auth_states.of(user.id),
        )
        for plugin in plugins:
            await self._hooks.delete_user(plugin, info)

    async def _clean_up_servers(self, user: User) -> None:
        for server in await self._servers.of_user(user):
            await self._clean_up.after(server, user)

    def _forget(self, tx: Transaction, user: User) -> None:
        tx.users.lock(user.id)
        current = tx.users.by_id(user.id)
        if current is None:
            return
        if not tx.pending_deletions.is_pending(user.id):
            raise InvalidError(f"the deletion of {user.name} was given up, please try again")
        servers = tx.servers.of_user(user.id)
        if any(server.active for server in servers):
            raise _not_stopped(user)
        for server in servers:
            forget_server(tx, self._settings, server)
        end_access(tx, current)
        tx.user_list.delete(user.id)


def authenticators_of(tx: Transaction, settings: HubSettings, user_id: int | None) -> tuple[str, ...]:
    """Tell which authenticators a user belongs to.

    Args:
        tx: the transaction.
        settings: of the hub.
        user_id: key of the user; None for one who is not stored yet.

    Returns:
        The active ones that know the user; when none has ever seen them, those for which an administrator
        added them, or else all active ones.
    """
    known: Collection[str] = ()
    if user_id is not None:
        identities = {plugin for plugin, *_ in tx.users.identities(user_id)}
        known = identities or tx.admissions.of_user(user_id)
    return tuple(name for name in settings.authenticators if not known or name in known)


def _not_stopped(user: User) -> InvalidError:
    return InvalidError(f"{user.name}'s server has not stopped yet, please try again.")
