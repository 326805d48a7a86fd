"""Login sessions: authentication by cookie, lists, and logout."""

from __future__ import annotations

import uuid
from typing import Final

from plughub.domain.sessions import (
    MAX_SESSIONS,
    Client,
    LoginCookie,
    LoginSession,
    SessionRequest,
    hash_session_key,
    short_address,
    short_agent,
)
from plughub.domain.users import User
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.services.tokens.tokens import TokenService
from plughub.storage.store import Store, Transaction

_SINCE: Final = "host_cookies_since"


class SessionService:
    """Authenticates login cookies, and ends sessions.

    Args:
        store: the storage.
        tokens: resolves scopes, and caches principals.
        settings: settings of the hub.
    """

    def __init__(self, store: Store, tokens: TokenService, settings: HubSettings) -> None:
        self._store = store
        self._tokens = tokens
        self._settings = settings

    async def principal(self, cookie: LoginCookie, client: Client) -> Principal | None:
        """Authenticate a login cookie.

        A cookie from a JupyterHub gets a session at its first use, and never another one.

        Args:
            cookie: cookie with a valid signature.
            client: the browser that sent it.

        Returns:
            The principal, or None when the session has ended.
        """
        cache = self._tokens.cache
        known = cache.get(cookie.key)
        if known is not None and known.session is not None:
            return known
        version = cache.version
        found = await self._store.read(lambda tx: _find(tx, cookie.hashed))
        if found is None and cookie.cookie_id:
            found = await self._store.write(lambda tx: self._adopt_jupyterhub_cookie(tx, cookie, client))
        if found is None:
            return None
        session, user = found
        principal = Principal(
            owner=user,
            scopes=self._tokens.scopes_of(user),
            session_id=session.session_id,
            session=session,
            inherits=True,
            expires_at=session.expires,
        )
        cache.put(cookie.key, principal, version)
        return principal

    def _adopt_jupyterhub_cookie(
        self, tx: Transaction, cookie: LoginCookie, client: Client
    ) -> tuple[LoginSession, User] | None:
        """Create a session for a cookie from a JupyterHub, unless it had one that has ended."""
        user = tx.users.by_cookie_id(cookie.cookie_id)
        if user is None:
            return None
        tx.users.lock(user.id)
        user = tx.users.by_cookie_id(cookie.cookie_id)  # the user may have logged out in the meantime
        if user is None:
            return None
        session = tx.sessions.add(
            cookie.hashed,
            user_id=user.id,
            session_id=client.session_id or uuid.uuid4().hex,
            plugin="",
            authenticated_at=cookie.made_at,
            expires=cookie.made_at + self._settings.cookie_max_age,
            agent=short_agent(client.agent),
            address=short_address(client.remote_ip),
            taken_over=True,
        )
        if session is None:  # a concurrent request has created it, or it has ended
            return _find(tx, cookie.hashed)
        _end_oldest(tx, user.id)
        return session, user

    async def of_user(self, user: User) -> list[LoginSession]:
        """Return the open sessions of a user, the last used one first."""
        return await self._store.read(lambda tx: tx.sessions.of_user(user.id))

    async def end(self, user: User, session_id: int) -> bool:
        """End one session of a user, with the tokens that servers and services got in it.

        Returns:
            False when the user has no such session.
        """

        def work(tx: Transaction) -> bool:
            found = next((one for one in tx.sessions.of_user(user.id) if one.id == session_id), None)
            if found is not None:
                end_session(tx, found)
            return found is not None

        return await self._store.write(work)

    async def end_all(self, user: User) -> None:
        """End all sessions of a user."""
        await self._store.write(lambda tx: end_sessions(tx, user.id))


def replace_session(
    tx: Transaction,
    user: User,
    key: str,
    plugin: str,
    remote_ip: str,
    wanted: SessionRequest,
    lifetime: float,
) -> LoginSession:
    """Store the session of a new login in place of the browser's previous one.

    Args:
        tx: the transaction.
        user: the user.
        key: key of the session, for the cookie.
        plugin: the plugin that authenticated the user.
        remote_ip: address of the browser.
        wanted: the session to create.
        lifetime: seconds.
    """
    session_id, before = uuid.uuid4().hex, wanted.before
    if before is not None and before.user_id == user.id:
        tx.sessions.end([before.id])
        session_id = before.session_id
    elif before is not None:
        end_session(tx, before)
    session = tx.sessions.add(
        hash_session_key(key),
        user_id=user.id,
        session_id=session_id,
        plugin=plugin,
        authenticated_at=tx.now(),
        expires=tx.now() + lifetime,
        agent=short_agent(wanted.agent),
        address=short_address(remote_ip),
    )
    assert session is not None  # the key is random
    _end_oldest(tx, user.id)
    return session


def end_session(tx: Transaction, session: LoginSession) -> None:
    """End a session and delete the tokens that servers and services got in it."""
    tx.sessions.end([session.id])
    tx.tokens.delete(tx.tokens.of_session(session.session_id, session.user_id))


def end_sessions(tx: Transaction, user_id: int) -> None:
    """End all sessions of a user and delete the tokens that servers and services got in them."""
    tx.users.lock(user_id)  # no session may begin between the two statements
    tx.sessions.end([session.id for session in tx.sessions.of_user(user_id)])
    tx.tokens.delete(tx.tokens.of_any_session(user_id))
    tx.users.new_cookie_id(user_id)  # invalidates cookies from a JupyterHub that have no session yet


def _end_oldest(tx: Transaction, user_id: int) -> None:
    tx.sessions.end(tx.sessions.list_excess(user_id, MAX_SESSIONS))


def _find(tx: Transaction, hashed: str) -> tuple[LoginSession, User] | None:
    session = tx.sessions.find(hashed)
    user = tx.users.by_id(session.user_id) if session else None
    return (session, user) if session and user else None


def host_cookies_since(tx: Transaction, settings: HubSettings) -> float:
    """Return since when the login cookie has the prefix ``__Host-``, and store it when the setting changed.

    Returns:
        Seconds since the epoch; 0 when it has no prefix.
    """
    since = tx.settings.get(_SINCE)
    if bool(since) != settings.host_prefix:
        since = tx.now() if settings.host_prefix else None
        tx.settings.set(_SINCE, since)
    return float(since or 0)
