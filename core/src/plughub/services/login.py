"""Logging in: who it is, whether anybody refuses, and what is stored of it."""

from __future__ import annotations

import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, PluginError
from plughub.domain.events import EventKind
from plughub.domain.names import MAX_USERNAME, check_username, normalize_username, shorten
from plughub.domain.users import User
from plughub.kinds import Identity, Login, Rejected
from plughub.plugin.hooks import Hooks
from plughub.services.events import EventTeller
from plughub.services.ports import Store, Transaction
from plughub.services.settings import HubSettings

log = logging.getLogger("plughub.login")
WRONG: Final = "Invalid username or password"
MAX_PASSWORD: Final = 4096
"""Characters; longer is not shown to any plugin."""
REMEMBERED: Final = 10_000
"""Users of whom it is kept in memory when they were checked last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login.

    Attributes:
        user: who.
        session_id: what tokens of servers in this browser end with.
        plugin: who authenticated.
    """

    user: User
    session_id: str = field(repr=False)
    plugin: str


class LoginService:
    """Logs people in and out.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        events: news.
        visitors: plugins that let an existing person in without being one of her identities.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        events: EventTeller,
        *,
        visitors: frozenset[str] = frozenset(),
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._events = events
        self._visitors = visitors
        self._looked: OrderedDict[int, float] = OrderedDict()

    async def log_in(
        self, username: str, password: str, form: Mapping[str, str] | None = None, *, remote_ip: str = ""
    ) -> Session:
        """Log somebody in with what a form sent.

        Args:
            username: as typed.
            password: as typed.
            form: the other fields.
            remote_ip: address of the browser.

        Returns:
            The session.

        Raises:
            ForbiddenError: refused; the message is for the person.
        """
        if len(username) > MAX_USERNAME or len(password) > MAX_PASSWORD:
            self._refused(username, remote_ip, "name or password too long")
            raise ForbiddenError(WRONG)
        name = normalize_username(username)
        login = Login(username=name, password=password, form=form or {}, remote_ip=remote_ip)
        answer = await self._hooks.authenticate(login)
        if answer is None:
            self._refused(name, remote_ip, "nobody knows name and password")
            raise ForbiddenError(WRONG)
        if isinstance(answer.value, Rejected):
            self._refused(name, remote_ip, f"{answer.plugin}: {answer.value.reason}")
            raise ForbiddenError(answer.value.reason)
        return await self.accept(replace(answer.value, plugin=answer.plugin), remote_ip=remote_ip)

    async def accept(self, identity: Identity, *, remote_ip: str = "") -> Session:
        """Log in a person whom a plugin has authenticated, unless anybody refuses.

        Args:
            identity: the person, with the plugin's name.
            remote_ip: address of the browser.

        Returns:
            The session.

        Raises:
            ForbiddenError: refused; the message is for the person.
        """
        try:
            identity = await self._complete(identity)
            user = await self._store.write(lambda tx: self._remember(tx, identity))
        except (ForbiddenError, InvalidError) as error:
            self._refused(identity.name, remote_ip, f"{identity.plugin}: {error.message}")
            raise ForbiddenError(error.message) from error
        log.info("%s logged in through %s", user.name, identity.plugin)
        self._events.tell(
            EventKind.LOGIN, user.name, actor=user.name, remote_ip=remote_ip, plugin=identity.plugin
        )
        return Session(user=user, session_id=uuid.uuid4().hex, plugin=identity.plugin)

    async def log_out(self, user: User, session_id: str, *, everywhere: bool = False) -> None:
        """End a session: every token that was made in it is void.

        Args:
            user: who.
            session_id: the session.
            everywhere: end all sessions of the user.
        """

        def work(tx: Transaction) -> None:
            tx.tokens.delete(tx.tokens.of_session(session_id, user.id))
            if everywhere:
                tx.users.new_cookie_id(user.id)

        await self._store.write(work)
        self._events.tell(EventKind.LOGOUT, user.name, actor=user.name)

    async def refresh(self, user: User) -> bool:
        """Ask the plugin that knows a user again, when the last time is long enough ago.

        Args:
            user: who.

        Returns:
            False when the user may not come in any more; she is logged out everywhere then.
        """
        age = self._settings.auth_refresh_age
        if not age or self._was_looked_at(user, age):
            return True

        def due(tx: Transaction) -> Identity | None:
            for plugin, subject, refreshed in tx.users.identities(user.id):
                if refreshed + age < tx.now():
                    return Identity(name=user.name, subject=subject, plugin=plugin, exists=True)
                return None
            return None

        identity = await self._store.read(due)
        if identity is None:
            return True
        try:
            answer = await self._hooks.refresh_user(identity)
        except PluginError as error:
            log.warning("%s stays logged in: %s", user.name, error)
            return True
        if isinstance(answer, Rejected):
            log.warning("%s is logged out: %s", user.name, answer.reason)
            self._looked.pop(user.id, None)
            await self._store.write(lambda tx: tx.users.new_cookie_id(user.id))
            return False
        fresh = replace(answer or identity, plugin=identity.plugin, subject=identity.subject)
        await self._store.write(lambda tx: self._update(tx, user.id, fresh))
        return True

    def _was_looked_at(self, user: User, age: float) -> bool:
        """Tell whether a user was checked lately; when not, it is noted that she is now."""
        now = time.monotonic()
        if self._looked.get(user.id, float("-inf")) > now - age:
            return True
        self._looked[user.id] = now
        self._looked.move_to_end(user.id)
        if len(self._looked) > REMEMBERED:
            self._looked.popitem(last=False)
        return False

    async def _complete(self, identity: Identity) -> Identity:
        name = check_username(normalize_username(identity.name))
        identity = replace(identity, name=name, subject=identity.subject or name)
        known = await self._store.read(lambda tx: self._owner(tx, identity))
        identity = replace(identity, name=known.name if known else name, exists=known is not None)
        refusal = await self._hooks.authorize_login(identity)
        if refusal is not None:
            raise ForbiddenError(refusal.value.reason)
        done = await self._hooks.complete_login(identity)
        if isinstance(done, Rejected):
            raise ForbiddenError(done.reason)
        return replace(done, plugin=identity.plugin, subject=identity.subject, name=identity.name)

    def _owner(self, tx: Transaction, identity: Identity) -> User | None:
        """Find the user that an identity is; refuse a name that is another person's."""
        # The name first: whoever sees a user that another process has just stored sees her identities too.
        user = tx.users.get(identity.name)
        key = tx.users.identity_owner(identity.plugin, identity.subject)
        if key is not None:
            return tx.users.by_id(key)
        if user is None or identity.plugin in self._visitors:
            return user
        others = {plugin for plugin, *_ in tx.users.identities(user.id)}
        if others and not any(self._same_person(identity.plugin, plugin) for plugin in others):
            raise ForbiddenError(
                f"the name {shorten(identity.name)} belongs to somebody who logs in with "
                f"{', '.join(sorted(others))}; an administrator can join the two (JupyterHub.one_person)"
            )
        return user

    def _same_person(self, plugin: str, other: str) -> bool:
        return any(plugin in group and other in group for group in self._settings.one_person)

    def _remember(self, tx: Transaction, identity: Identity) -> User:
        user = self._owner(tx, identity)
        if user is None:
            try:
                user = tx.users.create(identity.name)
            except ConflictError:
                # Somebody was first: perhaps she herself, perhaps another person of that name.
                user = self._owner(tx, identity)
                if user is None:
                    raise
        self._update(tx, user.id, identity)
        return tx.users.by_id(user.id) or user

    def _update(self, tx: Transaction, user_id: int, identity: Identity) -> None:
        tx.users.lock(user_id)
        if identity.plugin not in self._visitors:
            tx.users.add_identity(user_id, identity.plugin, identity.subject)
        user = tx.users.by_id(user_id)
        if user is None:
            return
        if identity.admin is not None and identity.admin != user.admin:
            tx.users.set_admin(user_id, identity.admin)
        if identity.groups is not None and set(identity.groups) != set(user.groups):
            tx.users.set_groups(user_id, identity.groups)
        if identity.user_info and dict(identity.user_info) != dict(user.user_info):
            tx.users.update(user_id, user_info=identity.user_info)

    def _refused(self, name: str, remote_ip: str, reason: str) -> None:
        log.warning("login of %s from %s refused: %s", shorten(name), remote_ip or "?", reason)
        self._events.tell(
            EventKind.LOGIN_REFUSED, name[:MAX_USERNAME], remote_ip=remote_ip, reason=reason[:200]
        )
