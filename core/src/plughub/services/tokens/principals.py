"""Who makes a request, kept for a moment in a cache that forgets at once."""

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
from plughub.domain.timings import PRINCIPAL_CACHE_SECONDS, PRINCIPAL_TRUST_SECONDS
from plughub.domain.users import User

CACHE_SIZE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who makes a request, and what they may do.

    Attributes:
        owner: the user or service.
        scopes: expanded scopes.
        token_id: ``a<id>`` when a token was sent; empty for a login cookie.
        token_key: key of the token's row; None for cookies and tokens of plugins.
        client_id: the OAuth client that the token was made for; empty for a cookie.
        session_id: login session.
        by_token: a token was sent.
        inherits: it may whatever the owner may, now and later: a login, or a token with ``inherit``.
        by_person: the request shows that its owner is active; those of her servers do not.
        expires_at: when this ends, seconds since the epoch; None for never.
        session: the session that a login cookie named; None for a token.
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
    def called(self) -> str:
        """What it is called where users and services stand side by side: ``services/NAME`` for a service.

        No user has a name with a slash in it.
        """
        return self.name if self.is_user else f"services/{self.name}"[:MAX_USERNAME]

    @property
    def is_user(self) -> bool:
        """Whether it is a user, and not a service, which may have the same name."""
        return isinstance(self.owner, User)

    @property
    def user(self) -> User:
        """The user.

        Raises:
            ForbiddenError: it is a service.
        """
        if not isinstance(self.owner, User):
            raise ForbiddenError(f"this is for users, and {self.owner.name} is a service")
        return self.owner

    def may(self, *needed: str, resource: ScopeFilter | None = None, groups: Collection[str] = ()) -> bool:
        """Tell whether any of the scopes is held for a resource.

        Args:
            needed: scopes without filters.
            resource: what the request is about.
            groups: groups of the user that the resource is about.

        Returns:
            True when it is allowed.
        """
        return check_scopes(self.scopes, needed, resource, groups) is Access.ALLOWED


class PrincipalCache:
    """Principals by token or cookie: bounded, short-lived, and told when something changes."""

    def __init__(self) -> None:
        self._entries: LRUCache[bytes, tuple[float, Principal]] = LRUCache(CACHE_SIZE)
        self.version = 0
        """Counts what was told; take it before looking something up that will be kept."""
        self._heard: float | None = None

    def get(self, secret: str) -> Principal | None:
        """Find a principal that is still good.

        Args:
            secret: the token or cookie.

        Returns:
            The principal, or None.
        """
        if self._heard is not None and time.monotonic() - self._heard > PRINCIPAL_TRUST_SECONDS:
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
        """Keep a principal for a while, unless something changed since it was looked up.

        Args:
            secret: the token or cookie, already checked.
            principal: who it is.
            version: of the cache before it was looked up.
        """
        if version != self.version:
            return
        until = min(time.time() + PRINCIPAL_CACHE_SECONDS, principal.expires_at or float("inf"))
        self._entries[_digest(secret)] = (until, principal)

    def heard(self, until: float) -> None:
        """Note that all changes until a moment were told; from the first time on, silence is not trusted.

        Args:
            until: the moment, by the monotonic clock.
        """
        self._heard = until

    def changed(self, changes: Iterable[tuple[str, str]]) -> None:
        """Forget what a change makes void.

        Args:
            changes: topic and key of each.
        """
        self.version += 1
        void: dict[str, set[str]] = {"token": set(), "user": set(), "session": set()}
        for topic, key in changes:
            if topic in void:
                void[topic].add(key)
            elif topic in {"role", "group", "service", "share"}:
                self._entries.clear()
        if any(void.values()):
            self._drop(void["token"], void["user"], void["session"])

    def clear(self) -> None:
        """Forget everybody: changes may have been missed."""
        self.version += 1
        self._entries.clear()

    def _drop(self, tokens: set[str], users: set[str], sessions: set[str]) -> None:
        """Forget the principals of some tokens, users and sessions, in one pass."""
        for secret in list(self._entries):
            _, who = Cache.__getitem__(self._entries, secret)  # looking through them is no use of them
            if (
                str(who.token_key) in tokens
                or (who.is_user and str(who.owner.id) in users)
                or (who.session is not None and str(who.session.id) in sessions)
            ):
                del self._entries[secret]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
