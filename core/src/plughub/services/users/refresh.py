"""Looking again whether people who logged in a while ago may still come in, and with what."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cachetools import LRUCache

from plughub.domain.errors import ForbiddenError, NotFoundError, PluginError, UnauthorizedError
from plughub.domain.names import shorten
from plughub.domain.users import User
from plughub.kinds import Identity, Rejected
from plughub.plugin.hooks import Hooks
from plughub.services.secrets.auth_states import AuthStates, EncryptedState
from plughub.services.settings import HubSettings, LoginPolicy
from plughub.services.tokens.principals import Principal
from plughub.services.users.identities import IdentityService
from plughub.services.users.sessions import end_sessions
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.login")
_Wanted = Callable[[LoginPolicy], bool]
REMEMBERED: Final = 10_000
"""Users of whom it is kept in memory when they were checked last."""


class Refresher:
    """Asks authenticators again.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        keeper: stores what they answer.
        auth_states: the saved secrets.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        keeper: IdentityService,
        auth_states: AuthStates,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._keeper = keeper
        self._auth_states = auth_states
        self._good_until: LRUCache[int, float] = LRUCache(REMEMBERED)
        self._shortest = min(
            (p.refresh_age for p in settings.policies.values() if p.refresh_age), default=300
        )

    async def refresh(self, user: User, *, by_token: bool = False) -> bool:
        """Ask the plugin that knows a user again, when the last time is long enough ago.

        Args:
            user: who makes a request.
            by_token: she sent a token, and cannot be sent to log in.

        Returns:
            False when the request must be refused. Without a token she is logged out everywhere then.
        """
        if self._was_looked_at(user):
            return True
        identity, seconds = await self._store.read(lambda tx: self._due(tx, user))
        self._good_until[user.id] = time.monotonic() + seconds
        if identity is None:
            return True
        try:
            rejected = await self._look(user, identity)
        except PluginError as error:
            log.warning("%s stays logged in: %s", user.name, error)
            return True
        if rejected is None:
            return True
        if by_token:
            return self._tolerated(user, identity, rejected)
        self._good_until.pop(user.id, None)
        await self._log_out(user, rejected)
        return False

    async def before_start(self, user: User, by: Principal) -> User:
        """Look again before a start, where that is wanted.

        Args:
            user: whose server.
            by: who asks.

        Returns:
            The user as she is then.

        Raises:
            UnauthorizedError: she must log in again first, and can be sent to.
            ForbiddenError: she must log in again first.
        """
        identity = await self._identity_before(user, lambda policy: policy.refresh_pre_spawn)
        if identity is None:
            return user
        rejected = await self._look_now(user, identity)
        if rejected is not None:
            await self._refuse(user, identity, rejected, by)
        found = await self._store.read(lambda tx: tx.users.by_id(user.id))
        if found is None:
            raise NotFoundError(f"there is no user {shorten(user.name)}")
        return found

    async def before_stop(self, user_id: int, by: Principal) -> None:
        """Look again before a stop, where that is wanted. Nothing keeps an admin from stopping a server.

        Args:
            user_id: key of the user whose server it is.
            by: who asks.

        Raises:
            UnauthorizedError: she must log in again first, and can be sent to.
            ForbiddenError: she must log in again first.
        """
        if not self._anybody(_wants_before_stop):
            return
        user = await self._store.read(lambda tx: tx.users.by_id(user_id))
        if user is None:
            return
        identity = await self._identity_before(user, _wants_before_stop)
        if identity is None:
            return
        hers = by.is_user and by.name == user.name
        try:
            rejected = await self._look_now(user, identity)
        except ForbiddenError as error:
            if hers:
                raise
            log.warning("%s; the server is stopped all the same for %s", error, by.name)
            return
        if rejected is not None and hers:
            await self._refuse(user, identity, rejected, by)

    # ---- how it is done

    async def _identity_before(self, user: User, wanted: _Wanted) -> Identity | None:
        if not self._anybody(wanted):
            return None
        identity = await self._store.read(lambda tx: self._newest(tx, user))
        return identity if identity and wanted(self._settings.policy_of(identity.plugin)) else None

    def _anybody(self, wanted: _Wanted) -> bool:
        return any(wanted(policy) for policy in self._settings.policies.values())

    async def _look_now(self, user: User, identity: Identity) -> Rejected | None:
        try:
            return await self._look(user, identity)
        except PluginError as error:
            log.error("%s", error, exc_info=error.__cause__)
            raise ForbiddenError(
                f"it cannot be checked right now whether {user.name} may still use this hub",
                hint="try again later",
                detail=error.reason,
            ) from error

    async def _look(self, user: User, identity: Identity) -> Rejected | None:
        """Ask, and store what is answered."""
        given = replace(identity, auth_state=await self._secrets(user, identity))
        answer = await self._hooks.refresh_user(given)
        if isinstance(answer, Rejected):
            return answer
        fresh = replace(answer or given, plugin=identity.plugin, subject=identity.subject, login_name="")
        sealed = await self._sealed(given, fresh)
        # What the plugin hands back as it got it may have been changed by others in the meantime.
        fresh = replace(
            fresh,
            admin=None if fresh.admin == given.admin else fresh.admin,
            groups=None if fresh.groups == given.groups else fresh.groups,
        )
        await self._store.write(lambda tx: self._keeper.update(tx, user.id, fresh, sealed))
        return None

    async def _secrets(self, user: User, identity: Identity) -> dict[str, object] | None:
        saves = self._settings.policy_of(identity.plugin).enable_auth_state
        return await self._auth_states.of(user.id) if saves else None

    async def _sealed(self, given: Identity, fresh: Identity) -> EncryptedState | None:
        saves = self._settings.policy_of(given.plugin).enable_auth_state
        if not saves or fresh.auth_state is None or fresh.auth_state == given.auth_state:
            return None
        return await self._auth_states.seal(fresh.auth_state)

    def _due(self, tx: Transaction, user: User) -> tuple[Identity | None, float]:
        """Return the identity to ask about now, if any, and the seconds until the next look at its user."""
        identity = self._newest(tx, user)
        if identity is None:
            return None, self._shortest
        age = self._settings.policy_of(identity.plugin).refresh_age
        refreshed = tx.users.identities(user.id)[0].refreshed
        is_due = age and refreshed + age < tx.now()
        return identity if is_due else None, age or self._shortest

    def _newest(self, tx: Transaction, user: User) -> Identity | None:
        """Give the identity of a user by which she was seen last."""
        for known in tx.users.identities(user.id):
            return Identity(
                name=user.name,
                login_name=known.name or user.name,
                subject=known.subject,
                plugin=known.plugin,
                exists=True,
                admin=user.admin,
                groups=frozenset(user.groups),
                user_info=user.user_info,
            )
        return None

    def _tolerated(self, user: User, identity: Identity, rejected: Rejected) -> bool:
        strict = self._settings.policy_of(identity.plugin).refresh_strict
        done = "the request is refused (auth_refresh_strict)" if strict else "the request goes on"
        log.warning("%s would have to log in again: %s; %s", user.name, rejected.reason, done)
        if strict:
            self._good_until.pop(user.id, None)
        return not strict

    async def _refuse(self, user: User, identity: Identity, rejected: Rejected, by: Principal) -> None:
        herself = by.is_user and by.name == user.name and not by.by_token
        if herself:
            await self._log_out(user, rejected)
            raise UnauthorizedError(rejected.reason, hint="Log in again.")
        if not self._tolerated(user, identity, rejected):
            raise ForbiddenError(f"{user.name} must log in again: {rejected.reason}")

    async def _log_out(self, user: User, rejected: Rejected) -> None:
        log.warning("%s is logged out: %s", user.name, rejected.reason)
        await self._store.write(lambda tx: end_sessions(tx, user.id))

    def _was_looked_at(self, user: User) -> bool:
        """Tell whether a user was checked lately; when not, it is noted that she is now."""
        now = time.monotonic()
        if self._good_until.get(user.id, float("-inf")) > now:
            return True
        self._good_until[user.id] = now + self._shortest
        return False


def _wants_before_stop(policy: LoginPolicy) -> bool:
    return policy.refresh_pre_stop
