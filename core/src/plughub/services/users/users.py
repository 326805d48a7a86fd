"""Finding users."""

from __future__ import annotations

from dataclasses import dataclass, field

from plughub.domain.errors import NotFoundError
from plughub.domain.names import shorten
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User
from plughub.storage.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class UserDetails:
    """A user with what belongs to her, as far as it was asked for.

    Attributes:
        user: the user.
        servers: her servers, the default one first, stopped ones too.
        sealed: her encrypted secrets; None for none.
    """

    user: User
    servers: list[ServerRecord] = field(default_factory=list)
    sealed: bytes | None = field(default=None, repr=False)


class UserService:
    """What may be asked of users.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, name: str) -> User:
        """Find a user.

        Args:
            name: normalised name.

        Returns:
            The user.

        Raises:
            NotFoundError: there is no such user.
        """
        user = await self._store.read(lambda tx: tx.users.get(name))
        if user is None:
            raise _missing(name)
        return user

    async def whole(self, name: str, *, servers: bool = True, secrets: bool = False) -> UserDetails:
        """Find a user with what belongs to her, by one transaction.

        Args:
            name: normalised name.
            servers: with her servers.
            secrets: with her encrypted secrets.

        Returns:
            The user with them.

        Raises:
            NotFoundError: there is no such user.
        """

        def work(tx: Transaction) -> UserDetails | None:
            user = tx.users.get(name)
            if user is None:
                return None
            hers = tx.servers.of_user(user.id) if servers else []
            return UserDetails(user, hers, tx.users.auth_state(user.id) if secrets else None)

        found = await self._store.read(work)
        if found is None:
            raise _missing(name)
        return found


def _missing(name: str) -> NotFoundError:
    return NotFoundError(f"there is no user {shorten(name)}")
