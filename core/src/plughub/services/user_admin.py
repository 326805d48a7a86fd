"""Listing, creating, changing and deleting users."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from plughub.domain.names import check_username, normalize_username, shorten
from plughub.domain.roles import ADMIN_ROLE, default_role
from plughub.domain.scopes import ScopeTree, excess_scopes
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User, UserQuery
from plughub.services.ports import Store, Transaction
from plughub.services.principals import Principal
from plughub.services.servers import ServerService


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPage:
    """A page of users.

    Attributes:
        users: in order.
        servers: of each, by the key of the user.
        total: users of all pages.
    """

    users: list[User]
    servers: Mapping[int, list[ServerRecord]]
    total: int


class UserAdmin:
    """What is done to users by others, and to many of them.

    Args:
        store: the storage.
        servers: stops the servers of who is deleted.
        tree: the scopes of the hub.
        is_name: tells whether a normalised name can be that of a user here.
    """

    def __init__(
        self,
        store: Store,
        servers: ServerService,
        tree: ScopeTree,
        is_name: Callable[[str], bool] = lambda _name: True,
    ) -> None:
        self._store = store
        self._servers = servers
        self._is_name = is_name
        self._of_admins = tree.expand(default_role(ADMIN_ROLE).scopes)

    async def page(self, query: UserQuery, *, stopped: bool = False) -> UserPage:
        """List users.

        Args:
            query: which.
            stopped: with servers that do not run.

        Returns:
            The page.
        """

        def work(tx: Transaction) -> UserPage:
            users = tx.directory.page(query)
            servers = defaultdict(list)
            for server in tx.servers.of_users([user.id for user in users], stopped=stopped):
                servers[server.user_id].append(server)
            return UserPage(users=users, servers=servers, total=tx.directory.count(query))

        return await self._store.read(work)

    async def create(self, names: Sequence[str], *, admin: bool, by: Principal) -> list[User]:
        """Store users; those that are there already are left alone.

        Args:
            names: as typed.
            admin: make them admins.
            by: who asks.

        Returns:
            The users that are new.

        Raises:
            InvalidError: a name is not good.
            ForbiddenError: who asks is no admin and wants to make some.
            ConflictError: all are there already.
        """
        wanted = self._check_names(names)
        if admin:
            self._check_admin(by, "make admins")

        def work(tx: Transaction) -> list[User]:
            keys = tx.directory.create(wanted)
            for key in keys if admin else ():
                tx.users.set_admin(key, admin=True)
            return tx.directory.by_ids(keys)

        created = await self._store.write(work)
        if not created:
            raise ConflictError(
                f"All {len(wanted)} users already exist"
                if len(wanted) > 1
                else f"User {shorten(wanted[0])} already exists"
            )
        return created

    async def change(
        self, user: User, *, name: str | None = None, admin: bool | None = None, by: Principal
    ) -> User:
        """Give a user another name, make her an admin, or take that away.

        Args:
            user: who.
            name: the new name, as typed; None to leave it.
            admin: whether she is an admin; None to leave it.
            by: who asks.

        Returns:
            The user as she is then.

        Raises:
            InvalidError: the name is not good or taken, or a server runs below the old one.
            ForbiddenError: who asks is no admin and touches one.
        """
        new_name = None if name is None else self._check_names([name])[0]

        def work(tx: Transaction) -> User:
            tx.users.lock(user.id)
            current = _there(tx, user)
            if current.admin or (admin is not None and admin != current.admin):
                self._check_admin(by, "change admins")
            if new_name is not None and new_name != current.name:
                _rename(tx, current, new_name)
            if admin is not None and admin != current.admin:
                tx.users.set_admin(user.id, admin)
            return _there(tx, user)

        return await self._store.write(work)

    async def delete(self, user: User, seconds: float, *, by: Principal) -> None:
        """Stop the servers of a user and forget her.

        Args:
            user: who.
            seconds: how long the servers may take to stop.
            by: who asks.

        Raises:
            InvalidError: it is who asks, or a server has not stopped yet.
        """
        if by.is_user and by.name == user.name:
            raise InvalidError("Cannot delete yourself!")
        servers = await self._servers.of_user(user)
        if any(server.pending == "stop" for server in servers):
            raise InvalidError(f"{user.name}'s server is in the process of stopping, please wait.")
        active = [server for server in servers if server.active]
        await asyncio.gather(*(self._stop(server, seconds, by) for server in active))

        def work(tx: Transaction) -> None:
            tx.users.lock(user.id)
            if _active(tx, user.id):
                raise InvalidError(f"{user.name}'s server has not stopped yet, please try again.")
            tx.directory.delete(user.id)

        await self._store.write(work)

    async def _stop(self, server: ServerRecord, seconds: float, by: Principal) -> None:
        stopping = await self._servers.stop(server, requested_by=by.name)
        await self._servers.wait(stopping, seconds)

    def _check_names(self, names: Collection[str]) -> list[str]:
        good, bad = [], []
        for name in map(normalize_username, names):
            try:
                good.append(check_username(name))
            except InvalidError:
                bad.append(name)
            else:
                if not self._is_name(name):
                    bad.append(name)
        if bad:
            shown = ", ".join(shorten(name) for name in bad[:10])
            raise InvalidError(f"Invalid username{'s' if len(bad) > 1 else ''}: {shown}")
        if not good:
            raise InvalidError("Must specify at least one user to create")
        return good

    def _check_admin(self, by: Principal, deed: str) -> None:
        """Refuse whoever does not hold all that an admin holds."""
        if excess_scopes(self._of_admins, by.scopes):
            raise ForbiddenError(f"only admins can {deed}", hint="ask an admin of this hub")


def _rename(tx: Transaction, user: User, name: str) -> None:
    if _active(tx, user.id):
        raise InvalidError(
            f"{user.name} has servers that run; stop them first: their addresses hold the name"
        )
    try:
        tx.directory.rename(user.id, name)
    except ConflictError as error:
        raise InvalidError(f"User {shorten(name)} already exists, username must be unique") from error


def _there(tx: Transaction, user: User) -> User:
    found = tx.users.by_id(user.id)
    if found is None:
        raise NotFoundError(f"there is no user {shorten(user.name)}")
    return found


def _active(tx: Transaction, user_id: int) -> bool:
    return any(server.active for server in tx.servers.of_user(user_id))
