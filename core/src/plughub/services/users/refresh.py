"""Refresh of users: repeated checks with the authenticator after the login."""

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
from plughub.domain.words import _
from plughub.kinds import Identity, Rejected, RequestInfo
from plughub.plugin.failure_log import log_failure
from plughub.plugin.hooks import Hooks
from plughub.services.secrets.auth_states import AuthStates, EncryptedState
from plughub.services.settings import HubSettings, LoginPolicy
from plughub.services.tokens.principals import Principal
from plughub.services.users.identities import IdentityService
from plughub.services.users.sessions import end_sessions
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.login")
_RequestSource = Callable[[], RequestInfo | None]
_Condition = Callable[[LoginPolicy], bool]
REMEMBERED: Final = 10_000
"""Users whose time of the next check is cached."""


class Refresher:
    """Checks users again with their authenticators.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        identities: stores what authenticators report.
        auth_states: stored auth states.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        identities: IdentityService,
        auth_states: AuthStates,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._identities = identities
        self._auth_states = auth_states
        self._valid_until: LRUCache[int, float] = LRUCache(REMEMBERED)
        self._shortest = min(
            (p.refresh_age for p in settings.policies.values() if p.refresh_age), default=300
        )

    async def refresh(
        self, user: User, *, by_token: bool = False, request: _RequestSource = lambda: None
    ) -> bool:
        """Check a user with the plugin that knows them, if the last check is old enough.

        Args:
            user: the user who makes a request.
            by_token: the request has a token, and cannot be redirected to the login page.
            request: returns the request for the plugin; called only if the plugin is asked.

        Returns:
            False when the request must be refused. Without a token, all sessions of the user have ended then.
        """
        if self._was_checked_recently(user):
            return True
        identity, seconds = await self._store.read(lambda tx: self._due(tx, user))
        self._valid_until[user.id] = time.monotonic() + seconds
        if identity is None:
            return True
        try:
            rejected = await self._check(user, identity, request())
        except PluginError as error:
            log.warning("cannot check user %s, who stays logged in: %s", user.name, error)
            return True
        if rejected is None:
            return True
        if by_token:
            return self._tolerates(user, identity, rejected)
        self._valid_until.pop(user.id, None)
        await self._log_out(user, rejected)
        return False

    async def before_start(self, user: User, by: Principal, request: _RequestSource = lambda: None) -> User:
        """Check a user before a start, where configured.

        Args:
            user: the server's user.
            by: the caller.
            request: returns the caller's request; the plugin gets it only if the caller is the user.

        Returns:
            The user as stored then.

        Raises:
            UnauthorizedError: the user must log in again first, and can be redirected.
            ForbiddenError: the user must log in again first.
        """
        identity = await self._identity_before(user, lambda policy: policy.refresh_pre_spawn)
        if identity is None:
            return user
        rejected = await self._check_now(user, identity, request() if _is_own(user, by) else None)
        if rejected is not None:
            await self._refuse(user, identity, rejected, by)
        found = await self._store.read(lambda tx: tx.users.by_id(user.id))
        if found is None:
            raise NotFoundError(_("there is no user %(user)s", user=shorten(user.name)))
        return found

    async def before_stop(self, user_id: int, by: Principal, request: _RequestSource = lambda: None) -> None:
        """Check a user before a stop, where configured. An admin can stop the server in any case.

        Args:
            user_id: key of the server's user.
            by: the caller.
            request: as in `before_start`.

        Raises:
            UnauthorizedError: the user must log in again first, and can be redirected.
            ForbiddenError: the user must log in again first.
        """
        if not self._is_configured(_wants_before_stop):
            return
        user = await self._store.read(lambda tx: tx.users.by_id(user_id))
        if user is None:
            return
        identity = await self._identity_before(user, _wants_before_stop)
        if identity is None:
            return
        is_own = _is_own(user, by)
        try:
            rejected = await self._check_now(user, identity, request() if is_own else None)
        except ForbiddenError as error:
            if is_own:
                raise
            log.warning("%s; stopping the server anyway for %s", error, by.name)
            return
        if rejected is not None and is_own:
            await self._refuse(user, identity, rejected, by)

    # ---- implementation

    async def _identity_before(self, user: User, condition: _Condition) -> Identity | None:
        if not self._is_configured(condition):
            return None
        identity = await self._store.read(lambda tx: self._newest(tx, user))
        return identity if identity and condition(self._settings.policy_of(identity.plugin)) else None

    def _is_configured(self, condition: _Condition) -> bool:
        return any(condition(policy) for policy in self._settings.policies.values())

    async def _check_now(
        self, user: User, identity: Identity, request: RequestInfo | None
    ) -> Rejected | None:
        try:
            return await self._check(user, identity, request)
        except PluginError as error:
            log_failure(log, logging.ERROR, error)
            raise ForbiddenError(
                _("the hub cannot check right now whether %(user)s may still use it", user=user.name),
                hint="try again later",
                detail=error.reason,
            ) from error

    async def _check(self, user: User, identity: Identity, request: RequestInfo | None) -> Rejected | None:
        """Ask the plugin and store its answer."""
        given = replace(identity, auth_state=await self._auth_state(user, identity))
        answer = await self._hooks.refresh_user(given, request)
        if isinstance(answer, Rejected):
            return answer
        fresh = replace(answer or given, plugin=identity.plugin, subject=identity.subject, login_name="")
        encrypted = await self._encrypted(given, fresh)
        # Values that the plugin returns unchanged may have been changed by others in the meantime.
        fresh = replace(
            fresh,
            admin=None if fresh.admin == given.admin else fresh.admin,
            groups=None if fresh.groups == given.groups else fresh.groups,
        )
        await self._store.write(lambda tx: self._identities.update(tx, user.id, fresh, encrypted))
        return None

    async def _auth_state(self, user: User, identity: Identity) -> dict[str, object] | None:
        saves = self._settings.policy_of(identity.plugin).enable_auth_state
        return await self._auth_states.get(user.id) if saves else None

    async def _encrypted(self, given: Identity, fresh: Identity) -> EncryptedState | None:
        saves = self._settings.policy_of(given.plugin).enable_auth_state
        if not saves or fresh.auth_state is None or fresh.auth_state == given.auth_state:
            return None
        return await self._auth_states.encrypt(fresh.auth_state)

    def _due(self, tx: Transaction, user: User) -> tuple[Identity | None, float]:
        """Return the identity to check now, if any, and the seconds until the next check of its user."""
        identity = self._newest(tx, user)
        if identity is None:
            return None, self._shortest
        age = self._settings.policy_of(identity.plugin).refresh_age
        refreshed = tx.users.identities(user.id)[0].refreshed
        is_due = age and refreshed + age < tx.now()
        return identity if is_due else None, age or self._shortest

    def _newest(self, tx: Transaction, user: User) -> Identity | None:
        """Return the most recently used identity of a user."""
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

    def _tolerates(self, user: User, identity: Identity, rejected: Rejected) -> bool:
        strict = self._settings.policy_of(identity.plugin).refresh_strict
        done = "refusing the request (auth_refresh_strict)" if strict else "allowing the request"
        log.warning("%s would have to log in again: %s; %s", user.name, rejected.reason, done)
        if strict:
            self._valid_until.pop(user.id, None)
        return not strict

    async def _refuse(self, user: User, identity: Identity, rejected: Rejected, by: Principal) -> None:
        if _is_own(user, by) and not by.by_token:
            await self._log_out(user, rejected)
            raise UnauthorizedError(rejected.reason, hint="Log in again.")
        if not self._tolerates(user, identity, rejected):
            raise ForbiddenError(
                _("%(user)s must log in again: %(reason)s", user=user.name, reason=rejected.reason)
            )

    async def _log_out(self, user: User, rejected: Rejected) -> None:
        log.warning("%s is logged out: %s", user.name, rejected.reason)
        await self._store.write(lambda tx: end_sessions(tx, user.id))

    def _was_checked_recently(self, user: User) -> bool:
        """Return whether a user was checked recently; if not, record that a check begins now."""
        now = time.monotonic()
        if self._valid_until.get(user.id, float("-inf")) > now:
            return True
        self._valid_until[user.id] = now + self._shortest
        return False


def _wants_before_stop(policy: LoginPolicy) -> bool:
    return policy.refresh_pre_stop


def _is_own(user: User, by: Principal) -> bool:
    """Return whether the caller is the user."""
    return by.is_user and by.name == user.name
