"""Login and logout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from plughub.domain.errors import (
    FailedLoginError,
    ForbiddenError,
    HubError,
    InvalidError,
    TooManyError,
)
from plughub.domain.events import Actor, EventKind
from plughub.domain.login_throttle import AttemptKeys, network_of
from plughub.domain.names import MAX_USERNAME, check_username, has_control, normalize_username
from plughub.domain.sessions import NEW_SESSION, LoginSession, SessionRequest, new_session_key
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.kinds import Identity, Login, Rejected, RequestInfo, UserInfo
from plughub.plugin.fair_share import FairShare
from plughub.plugin.hooks import Hooks
from plughub.services.observability.events import EventPublisher
from plughub.services.observability.log_rate_limit import unauthenticated_address
from plughub.services.observability.login_refusals import LoginRefusals
from plughub.services.secrets.auth_states import AuthStates, EncryptedState
from plughub.services.settings import HubSettings
from plughub.services.users.identities import IdentityService
from plughub.services.users.login_throttle import LoginThrottle
from plughub.services.users.sessions import end_session, replace_session
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.login")
WRONG: Final = _("Invalid username or password")
MAX_PASSWORD: Final = 4096
"""Characters; longer passwords are refused without asking a plugin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Result of a login.

    Attributes:
        user: the user.
        plugin: plugin that authenticated the user.
        key: key of the session, for the cookie; empty when there is none.
        session: the stored session; None for a login for one request.
    """

    user: User
    plugin: str
    key: str = field(default="", repr=False)
    session: LoginSession | None = None

    @property
    def session_id(self) -> str:
        """Session id with which tokens of servers in this browser end; empty without a session."""
        return self.session.session_id if self.session else ""


class LoginService:
    """Logs users in and out.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        events: publishes events.
        identities: stores what authenticators report.
        auth_states: stored auth states.

    Attributes:
        refusals: reports refused logins.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        events: EventPublisher,
        identities: IdentityService,
        auth_states: AuthStates,
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._events = events
        self._identities = identities
        self._auth_states = auth_states
        self._share = FairShare(settings.plugin_threads)
        self._throttle = LoginThrottle(store, settings.login_limits)
        self.refusals = LoginRefusals(events, settings.refused_logins_per_hour)

    async def log_in(
        self,
        username: str,
        password: str,
        form: Mapping[str, str] | None = None,
        *,
        remote_ip: str = "",
        request: RequestInfo | None = None,
        wanted: SessionRequest = NEW_SESSION,
        plugin: str | None = None,
    ) -> Session:
        """Log in a user with the fields of a login form.

        Args:
            username: name as typed.
            password: password as typed.
            form: the other fields.
            remote_ip: address of the browser.
            request: the request that submitted the form, for authenticators.
            wanted: the session to create.
            plugin: the authenticator whose own page submitted the form, the only one to ask; None for all.

        Returns:
            The login.

        Raises:
            ForbiddenError: refused; the message is for the user.
            TooManyError: too many failed logins, or too many logins in progress; the message is for the user.
            UnavailableError: an authenticator is not available, or too many users log in.
        """
        if len(username) > MAX_USERNAME or len(password) > MAX_PASSWORD:
            self.refusals.record(username, remote_ip, "name or password too long")
            raise ForbiddenError(WRONG)
        if has_control(name := normalize_username(username)):
            # No user has such a name, and authenticators may write it into the log.
            self.refusals.record(username, remote_ip, "the name has control characters")
            raise ForbiddenError(WRONG)
        login = Login(
            username=name,
            password=password,
            form=form or {},
            remote_ip=remote_ip,
            own_page=plugin is not None,
        )
        try:
            keys = await self._throttle.check(login.username, remote_ip)
            async with self._share.login(login.username):
                await self._throttle.admit(keys)
                return await self._try_login(login, request, keys, wanted, plugin)
        except TooManyError as error:
            self.refusals.record(login.username, remote_ip, error.message)
            raise

    async def _try_login(
        self,
        login: Login,
        request: RequestInfo | None,
        keys: AttemptKeys,
        wanted: SessionRequest,
        plugin: str | None,
    ) -> Session:
        """Try a login, and report the result to the throttle."""
        try:
            identity = await self._authenticate(login, request, plugin)
            return await self.accept(
                identity,
                remote_ip=login.remote_ip,
                request=request,
                wanted=wanted,
                also=lambda tx: self._throttle.record_success(tx, keys),
            )
        except (ForbiddenError, FailedLoginError):
            # Input may cause the failure; if it did not count, passwords of other plugins could be guessed.
            await self._throttle.record_failure(keys)
            raise
        except HubError:
            await self._throttle.record_no_result(keys)
            raise

    async def _authenticate(self, login: Login, request: RequestInfo | None, plugin: str | None) -> Identity:
        """Ask the plugins to identify the user."""
        async with self._share.check(network_of(login.remote_ip)):
            answer = await self._hooks.authenticate(login, request, only=plugin)
        if answer is None:
            self.refusals.record(login.username, login.remote_ip, "unknown name or password")
            raise ForbiddenError(WRONG)
        if isinstance(answer.value, Rejected):
            reason = f"{answer.plugin}: {answer.value.reason}"
            self.refusals.record(login.username, login.remote_ip, reason)
            raise ForbiddenError(answer.value.reason)
        return replace(answer.value, plugin=answer.plugin)

    async def accept(
        self,
        identity: Identity,
        *,
        remote_ip: str = "",
        request: RequestInfo | None = None,
        wanted: SessionRequest = NEW_SESSION,
        also: Callable[[Transaction], None] = lambda _: None,
    ) -> Session:
        """Log in a user whom a plugin has identified, unless a plugin refuses.

        Every session begins here.

        Args:
            identity: the identity, with the name of the plugin.
            remote_ip: address of the browser.
            request: the request of the login, for authenticators.
            wanted: the session to create.
            also: further writes in the same transaction.

        Returns:
            The login.

        Raises:
            ForbiddenError: refused; the message is for the user.
        """
        key = new_session_key() if wanted.keep else ""

        def work(tx: Transaction) -> Session:
            user = self._identities.store_login(tx, identity, encrypted, was_known=was_known)
            session = (
                replace_session(tx, user, key, identity.plugin, remote_ip, wanted, lifetime) if key else None
            )
            also(tx)
            return Session(user=user, plugin=identity.plugin, key=key, session=session)

        lifetime = self._settings.cookie_max_age

        try:
            identity, was_known = await self._complete(identity, wanted.only, request)
            encrypted = await self._encrypt(identity)
            session = await self._store.write(work)
        except (ForbiddenError, InvalidError) as error:
            self.refusals.record(identity.name, remote_ip, f"{identity.plugin}: {error}")
            raise ForbiddenError(error.message, detail=error.detail) from error
        unauthenticated_address.set(None)
        user = session.user
        log.info("%s logged in through %s", user.name, identity.plugin)
        by = Actor(name=user.name, remote_ip=remote_ip)
        self._events.publish(
            EventKind.LOGIN,
            user.name,
            by=by,
            plugin=identity.plugin,
            admin=user.admin,
            roles=list(user.roles),
        )
        return session

    async def log_out(self, user: User, session: LoginSession, *, remote_ip: str = "") -> None:
        """End a session, and with it its cookie and all tokens of servers and services.

        Args:
            user: the user.
            session: the session.
            remote_ip: address of the browser.
        """
        await self._store.write(lambda tx: end_session(tx, session))
        self._events.publish(EventKind.LOGOUT, user.name, by=Actor(name=user.name, remote_ip=remote_ip))

    async def _complete(
        self, identity: Identity, only: str, request: RequestInfo | None
    ) -> tuple[Identity, bool]:
        """Let the plugins allow and complete a login; also return whether its user is stored already."""
        name = check_username(normalize_username(identity.name))
        identity = replace(identity, name=name, login_name=name, subject=identity.subject or name)
        found = await self._store.read(lambda tx: self._identities.account_status(tx, identity))
        known = found.user
        if only and (known is None or known.name != only):
            raise ForbiddenError(_("This is the login of another user. Log in as %(only)s.", only=only))
        identity = replace(
            identity,
            name=known.name if known else name,
            exists=found.exists,
            admitted=found.admitted,
        )
        refusal = await self._hooks.authorize_login(identity)
        if refusal is not None:
            raise ForbiddenError(refusal.value.reason)
        saved = await self._auth_states.get(known.id) if known and self._stores_auth_state(identity) else None
        done = await self._hooks.complete_login(identity, saved, request)
        if isinstance(done, Rejected):
            raise ForbiddenError(done.reason)
        done = replace(
            done, plugin=identity.plugin, subject=identity.subject, name=identity.name, login_name=name
        )
        await self._prepare(done, known.id if known else 0)
        return done, known is not None

    async def _prepare(self, identity: Identity, user_id: int) -> None:
        """Call the authenticator for a new login; it may refuse."""
        user = UserInfo(
            id=user_id,
            name=identity.name,
            admin=bool(identity.admin),
            groups=tuple(sorted(identity.groups or ())),
            plugin=identity.plugin,
            auth_state=identity.auth_state,
        )
        refusal = await self._hooks.add_user(identity.plugin, user)
        if refusal is not None:
            raise ForbiddenError(refusal.reason)

    async def _encrypt(self, identity: Identity) -> EncryptedState | None:
        """Encrypt the auth state of a login; without one, the stored auth state is deleted."""
        if identity.plugin in self._identities.non_identifying:
            return None
        return await self._auth_states.encrypt(
            identity.auth_state if self._stores_auth_state(identity) else None
        )

    def _stores_auth_state(self, identity: Identity) -> bool:
        return self._settings.policy_of(identity.plugin).enable_auth_state
