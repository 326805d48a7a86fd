"""Finding users."""

from __future__ import annotations

from plughub.domain.errors import NotFoundError
from plughub.domain.names import shorten
from plughub.domain.users import User
from plughub.services.ports import Store


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
            raise NotFoundError(f"there is no user {shorten(name)}")
        return user
