"""Lookup of users."""

from __future__ import annotations

from dataclasses import dataclass, field

from plughub.domain.errors import NotFoundError
from plughub.domain.names import shorten
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.storage.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class UserDetails:
    """A user with requested details.

    Attributes:
        user: the user.
        servers: the requested servers, the default one first.
        encrypted_auth_state: encrypted auth state; None for none.
    """

    user: User
    servers: list[ServerRecord] = field(default_factory=list)
    encrypted_auth_state: bytes | None = field(default=None, repr=False)


class UserService:
    """Finds users.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, name: str) -> User:
        """Find a user by normalised name.

        Raises:
            NotFoundError: there is no such user.
        """
        user = await self._store.read(lambda tx: tx.users.get(name))
        if user is None:
            raise _missing(name)
        return user

    async def details(
        self, name: str, *, servers: bool = True, stopped: bool = True, secrets: bool = False
    ) -> UserDetails:
        """Find a user with details, in one transaction.

        Args:
            name: normalised name.
            servers: include servers.
            stopped: include stopped servers as well.
            secrets: include the encrypted auth state.

        Raises:
            NotFoundError: there is no such user.
        """

        def work(tx: Transaction) -> UserDetails | None:
            user, encrypted = tx.users.details(name, secrets=secrets)
            if user is None:
                return None
            found = tx.servers.of_user(user.id, stopped=stopped) if servers else []
            return UserDetails(user, found, encrypted)

        found = await self._store.read(work)
        if found is None:
            raise _missing(name)
        return found


def _missing(name: str) -> NotFoundError:
    return NotFoundError(_("there is no user %(name)s", name=shorten(name)))
