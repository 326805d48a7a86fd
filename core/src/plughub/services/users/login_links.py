"""One-time login links, for the first login to a hub without configuration."""

from __future__ import annotations

import secrets
from typing import Final

from plughub import hookimpl
from plughub.domain.names import normalize_username
from plughub.domain.timings import LOGIN_LINK_SECONDS
from plughub.domain.tokens import GENERATED_ROUNDS, hash_token
from plughub.kinds import Identity, Login, LoginMethod
from plughub.storage.store import Store, Transaction

PLUGIN: Final = "onetime"
FIELD: Final = "onetime_token"
_SALT: Final = "onetime-login-link"
"""All links share one salt, so that a link is found by its hash; each has 256 random bits."""


class OneTimeLinks:
    """Logs in users with one-time links. A built-in plugin, called like any other.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @hookimpl
    def hub_login_method(self) -> LoginMethod:
        """Return a login method without a form."""
        return LoginMethod(form=False)

    @hookimpl
    async def hub_authenticate(self, login: Login) -> Identity | None:
        """Use up a link."""
        token = login.form.get(FIELD, "")
        if not token:
            return None
        taken = await self._store.write(lambda tx: tx.login_links.take(_hash(token)))
        if taken is None:
            return None
        name, admin = taken
        return Identity(name=name, admin=True if admin else None)

    async def create(
        self, username: str, *, admin: bool = False, lifetime: float = LOGIN_LINK_SECONDS
    ) -> str:
        """Create a link.

        Args:
            username: the user whom it logs in.
            admin: make the user an admin; otherwise admin rights are unchanged.
            lifetime: seconds.

        Returns:
            The secret part of the link.
        """
        return await self._store.write(lambda tx: store_link(tx, username, admin=admin, lifetime=lifetime))


def store_link(
    tx: Transaction, username: str, *, admin: bool = False, lifetime: float = LOGIN_LINK_SECONDS
) -> str:
    """Store a new link as a hash.

    Args:
        tx: the transaction.
        username: the user whom it logs in.
        admin: make the user an admin; otherwise admin rights are unchanged.
        lifetime: seconds until it expires, by the clock of the database.

    Returns:
        The secret part of the link.
    """
    token = secrets.token_urlsafe(32)
    name = normalize_username(username)
    tx.login_links.add(_hash(token), name, admin=admin, expires_at=tx.now() + lifetime)
    return token


def _hash(token: str) -> str:
    return hash_token(token[:64], rounds=GENERATED_ROUNDS, salt=_SALT.encode().hex())
