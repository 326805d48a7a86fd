"""Principals and their cache."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from cachetools import Cache, LRUCache

from plughub.domain.errors import ForbiddenError
from plughub.domain.names import MAX_USERNAME
from plughub.domain.scopes import Access, ScopeFilter, check_scopes
from plughub.domain.services import Service
from plughub.domain.sessions import LoginSession
from plughub.domain.timings import PRINCIPAL_CACHE_SECONDS
from plughub.domain.users import User
from plughub.services.coordination.change_feed import ChangeFeed

CACHE_SIZE: Final = 10_000
_FOR_ALL: Final = frozenset({"role", "group", "service", "share"})
"""Topics of changes that may concern any principal; those of servers concern none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Authenticated caller of a request, with effective scopes.

    Attributes:
        owner: the user or service.
        scopes: expanded scopes.
        token_id: ``a<id>`` when a token was sent; empty for a login cookie.
        token_key: key of the token's row; None for cookies and tokens of plugins.
        client_id: the OAuth client that the token was made for; empty for a cookie.
        session_id: login session.
        by_token: a token was sent.
        inherits: it has all scopes of the owner, now and later: a login, or a token with ``inherit``.
        by_person: the request counts as activity of its owner; requests by the owner's servers do not.
        expires_at: when it expires, seconds since the epoch; None for never.
        session: session of the login cookie; None for a token.
    """

    owner: User | Service
    scopes: frozenset[str] = frozenset()
    token_id: str = ""
    token_key: int | None = None
    client_id: str = ""
    session_id: str = ""
    by_token: bool = False
    inherits: bool = False
    by_person: bool = True
    expires_at: float | None = None
    session: LoginSession | None = None

    @property
    def name(self) -> str:
        """Name of the user or service."""
        return self.owner.name

    @property
    def qualified_name(self) -> str:
        """Name that is unique among users and services: ``services/NAME`` for a service.

        No user name contains a slash.
        """
        return self.name if self.is_user else f"services/{self.name}"[:MAX_USERNAME]

    @property
    def is_user(self) -> bool:
        """True for a user, False for a service, which may have the same name."""
        return isinstance(self.owner, User)

    @property
    def user(self) -> User:
        """The user.

        Raises:
            ForbiddenError: the principal is a service.
        """
        if not isinstance(self.owner, User):
            raise ForbiddenError(f"this is only available to users, and {self.owner.name} is a service")
        return self.owner

    def may(self, *needed: str, resource: ScopeFilter | None = None, groups: Collection[str] = ()) -> bool:
        """Return whether any of the scopes is held for a resource.

        Args:
            needed: scopes without filters.
            resource: the resource of the request.
            groups: groups of the resource's user.
        """
        return check_scopes(self.scopes, needed, resource, groups) is Access.ALLOWED


class PrincipalCache:
    """LRU cache of principals by token or cookie, invalidated by changes.

    Args:
        change_feed: knows whether changes of other processes are read in time.
    """

    def __init__(self, change_feed: ChangeFeed) -> None:
        self._change_feed = change_feed
        self._entries: LRUCache[bytes, tuple[float, Principal]] = LRUCache(CACHE_SIZE)
        self.version = 0
        """Counts invalidations; read it before a query whose result will be cached."""

    def get(self, secret: str) -> Principal | None:
        """Return the cached principal for a token or cookie; None when there is none or it may be stale."""
        if self._change_feed.is_overdue:
            return None
        key = _digest(secret)
        entry = self._entries.get(key)
        if entry is None:
            return None
        until, principal = entry
        if until < time.time():
            del self._entries[key]
            return None
        return principal

    def put(self, secret: str, principal: Principal, version: int) -> None:
        """Cache a principal, unless something changed since it was read.

        Args:
            secret: the verified token or cookie.
            principal: the principal.
            version: version of the cache before the query.
        """
        if version != self.version:
            return
        until = min(time.time() + PRINCIPAL_CACHE_SECONDS, principal.expires_at or float("inf"))
        self._entries[_digest(secret)] = (until, principal)

    def changed(self, changes: Iterable[tuple[int, str, str]]) -> None:
        """Remove the principals that changes make stale.

        Args:
            changes: number, topic and key of each.
        """
        void: dict[str, set[str]] = {"token": set(), "user": set(), "session": set()}
        for _, topic, key in changes:
            if topic in void and key:  # without a key it tells of new users
                void[topic].add(key)
                self.version += 1
            elif topic in _FOR_ALL:
                self._entries.clear()
                self.version += 1
        if any(void.values()):
            self._drop(void["token"], void["user"], void["session"])

    def clear(self) -> None:
        """Remove all principals: changes may have been missed."""
        self.version += 1
        self._entries.clear()

    def _drop(self, tokens: set[str], users: set[str], sessions: set[str]) -> None:
        """Remove the principals of some tokens, users and sessions, in one pass."""
        for secret in list(self._entries):
            _, principal = Cache.__getitem__(self._entries, secret)  # without marking the entry as used
            if (
                str(principal.token_key) in tokens
                or (principal.is_user and str(principal.owner.id) in users)
                or (principal.session is not None and str(principal.session.id) in sessions)
            ):
                del self._entries[secret]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
