"""Listing, creating, changing and deleting users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from plughub.domain.names import check_username, normalize_username, shorten
from plughub.domain.scopes import FilterFacts, ScopeFilter, ScopeTree, gained_scopes, name_scopes
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User, UserQuery
from plughub.kinds import UserInfo
from plughub.plugin.hooks import Hooks
from plughub.services.operations.cleanup import void_credentials
from plughub.services.secrets.auth_states import EncryptedState
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.services.users.access_revocation import end_access
from plughub.services.users.admin_protection import AdminRule
from plughub.services.users.admission import Admission
from plughub.services.users.deletion import UserDeletion, authenticators_of
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.startup_user_sync import UserPreparation
from plughub.storage.store import Store, Transaction


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


@dataclass(frozen=True, slots=True)
class _Change:
    """What is changed of a user; what is None or empty stays."""

    name: str | None
    admin: bool | None
    auth_state: EncryptedState | None
    authenticator: str


class UserAdmin:
    """What is done to users by others, and to many of them.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        tree: the scopes of the hub.
        preparation: asks authenticators about who is added.
        deletion: deletes.
        is_name: tells whether a normalised name can be that of a user here.
        given: names to which the configuration gives something: only admins rename a user to one.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        tree: ScopeTree,
        preparation: UserPreparation,
        deletion: UserDeletion,
        is_name: Callable[[str], bool] = lambda _name: True,
        given: Collection[str] = frozenset(),
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._preparation = preparation
        self._deletion = deletion
        self._is_name = is_name
        self._given = frozenset(given)
        self._admins = AdminRule(tree)
        self._admission = Admission(settings, frozenset({ONETIME}))

    async def page(self, query: UserQuery, *, stopped: bool = False) -> UserPage:
        """List users.

        Args:
            query: which.
            stopped: with servers that do not run.

        Returns:
            The page.
        """

        def work(tx: Transaction) -> UserPage:
            users = tx.user_list.page(query)
            servers = defaultdict(list)
            for server in tx.servers.of_users([user.id for user in users], stopped=stopped):
                servers[server.user_id].append(server)
            return UserPage(users=users, servers=servers, total=tx.user_list.count(query))

        return await self._store.read(work)

    async def create(
        self, names: Sequence[str], *, admin: bool, by: Principal, authenticator: str = ""
    ) -> list[User]:
        """Store users, who may log in from then on; those that are there already are left alone.

        Args:
            names: as typed.
            admin: make them admins.
            by: the caller.
            authenticator: the one by which they may log in; empty for all, where a name means the same
                person to all of them. Elsewhere, users added without one need a setting that allows them.

        Returns:
            The users that are new.

        Raises:
            InvalidError: a name is not good, the authenticators cannot prepare for it, or there is no such
                authenticator; nobody is stored.
            ForbiddenError: the caller is no admin and wants to make some.
            ConflictError: all are there already.
        """
        wanted = self._check_names(names)
        admitted = self._admission.authenticators_for(authenticator)
        if admin:
            self._admins.check(by, "make admins")
            if not authenticator and not self._admission.is_shared:
                raise InvalidError(
                    "say by which authenticator the new admins log in: elsewhere their names may be others'",
                    hint='send "authenticator"',
                )

        def work(tx: Transaction) -> list[User]:
            keys = tx.user_list.create(wanted)
            tx.admissions.grant(keys, admitted)
            for key in keys if admin else ():
                tx.users.set_admin(key, admin=True)
            return tx.user_list.by_ids(keys)

        await self._prepare(wanted, admitted)
        created = await self._store.write(work)
        if not created:
            raise ConflictError(
                f"All {len(wanted)} users already exist"
                if len(wanted) > 1
                else f"User {shorten(wanted[0])} already exists",
                hint='PATCH /users/:name with "authenticator" says by which one they log in'
                if authenticator
                else "",
            )
        return created

    async def change(
        self,
        user: User,
        *,
        name: str | None = None,
        admin: bool | None = None,
        auth_state: EncryptedState | None = None,
        authenticator: str = "",
        by: Principal,
    ) -> User:
        """Give a user another name or authenticator, make her an admin, take that away, or store secrets.

        A new name ends all logins and tokens of the user.

        Args:
            user: who.
            name: the new name, as typed; None to leave it.
            admin: whether she is an admin; None to leave it.
            auth_state: her secrets; None to leave them.
            authenticator: the one by which a user whom none knows yet logs in; empty to leave that.
            by: the caller.

        Returns:
            The user as she is then.

        Raises:
            InvalidError: the name is not good or taken, a server runs below the old one, or there is no such
                authenticator, or it refuses the user.
            ForbiddenError: the caller is no admin and touches one or names an authenticator, or may not give
                the new name.
            ConflictError: the user logs in by another authenticator already.
            PluginError: an authenticator cannot follow the new name; nothing is changed.
        """
        new_name = None if name is None else self._check_names([name])[0]
        if authenticator:
            await self._check_assignment(user, authenticator, by, renamed=new_name not in {None, user.name})
        if new_name is not None and new_name != user.name:
            await self._follow(user, new_name, by)

        wanted = _Change(new_name, admin, auth_state, authenticator)
        try:
            return await self._store.write(lambda tx: self._store_change(tx, user, wanted, by))
        except ConflictError as error:
            if new_name is None:
                raise
            raise _taken(new_name) from error

    async def delete(self, user: User, seconds: float, *, by: Principal) -> None:
        """Stop the servers of a user and forget her.

        Args:
            user: who.
            seconds: how long the servers may take to stop.
            by: the caller.

        Raises:
            ForbiddenError: the caller is no admin and deletes one.
            InvalidError: it is who asks, or a server has not stopped yet.
            PluginError: an authenticator could not clean up; she stays.
        """

        def check(current: User) -> None:
            if self._admins.is_admin(current):
                self._admins.check(by, "delete admins")

        await self._deletion.delete(user, seconds, by=by, check=check)

    def _store_change(self, tx: Transaction, user: User, wanted: _Change, by: Principal) -> User:
        tx.users.lock(user.id)
        current = _there(tx, user)
        self._check_change(current, wanted.admin, by)
        if wanted.name is not None and wanted.name != current.name:
            self._check_rename(tx, current, wanted.name, by)
            self._leave_name(tx, current)
            tx.user_list.rename(user.id, wanted.name)
        if wanted.admin is not None and wanted.admin != current.admin:
            tx.users.set_admin(user.id, wanted.admin)
        if wanted.auth_state is not None:
            tx.users.set_auth_state(user.id, wanted.auth_state.data)
        if wanted.authenticator:
            self._admission.assign(tx, current, wanted.authenticator)
        return _there(tx, user)

    async def _check_assignment(self, user: User, plugin: str, by: Principal, *, renamed: bool) -> None:
        """Refuse to name an authenticator that cannot be the user's, and have it prepare for the user."""
        self._admins.check(by, "say by which authenticator a user logs in")
        if renamed:
            raise InvalidError("give a user a name and an authenticator in two requests")
        admitted = self._admission.authenticators_for(plugin)
        await self._store.read(lambda tx: self._admission.check_assignment(tx, user, plugin))
        info = UserInfo(name=user.name, admin=user.admin, groups=user.groups)
        reason = await self._preparation.refusal(info, admitted)
        if reason:
            raise InvalidError(f"{shorten(user.name)} cannot log in with {plugin}: {reason}")

    async def _follow(self, user: User, name: str, by: Principal) -> None:
        """Have the authenticators of a user follow her new name, when it can be."""

        def check(tx: Transaction) -> tuple[User, tuple[str, ...]]:
            current = _there(tx, user)
            self._check_change(current, None, by)
            self._check_rename(tx, current, name, by)
            return current, authenticators_of(tx, self._settings, user.id)

        current, plugins = await self._store.read(check)
        for plugin in plugins:
            await self._hooks.rename_user(
                plugin, UserInfo(name=current.name, admin=current.admin, groups=current.groups), name
            )

    def _leave_name(self, tx: Transaction, user: User) -> None:
        """End every way in, and void what bears a name that somebody else may have from now on."""
        for server in tx.servers.of_user(user.id):
            void_credentials(tx, self._settings, server)
        end_access(tx, user)

    def _check_change(self, user: User, admin: bool | None, by: Principal) -> None:
        if self._admins.is_admin(user) or (admin is not None and admin != user.admin):
            self._admins.check(by, "change admins")

    def _check_rename(self, tx: Transaction, user: User, name: str, by: Principal) -> None:
        if _active(tx, user.id):
            raise InvalidError(
                f"{user.name} has servers that run; stop them first: their addresses hold the name"
            )
        self._check_reach(user, name, by)
        if tx.users.get(name) is not None:
            raise _taken(name)
        means = name in self._given or set(tx.users.known_as(name)) - {user.id}
        if means and not self._admins.holds_for(by):
            raise ForbiddenError(
                f"only admins can give a user the name {shorten(name)}: it already stands for a person",
                hint="ask an admin of this hub",
            )

    @staticmethod
    def _check_reach(user: User, name: str, by: Principal) -> None:
        """Refuse a name that the scopes do not reach as that of a new user, or by which they reach more."""
        if not by.may("admin:users", resource=ScopeFilter.user(name)):
            raise ForbiddenError(
                f"your scopes do not reach a user of the name {shorten(name)}: giving a name takes what "
                "adding a user of that name takes",
                hint="ask an admin of this hub",
            )
        gained = gained_scopes(by.scopes, FilterFacts(user.name, user.groups), FilterFacts(name, user.groups))
        if gained:
            raise ForbiddenError(
                f"with the name {shorten(name)} you would get at the user with {name_scopes(gained)}",
                hint="ask an admin of this hub",
            )

    async def _prepare(self, names: Collection[str], authenticators: Collection[str]) -> None:
        refused = await self._preparation.before_adding(names, authenticators)
        if refused:
            shown = "; ".join(f"{shorten(name)}: {reason}" for name, reason in list(refused.items())[:10])
            raise InvalidError(f"Failed to create user{'s' if len(refused) > 1 else ''}: {shown}")

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


def _taken(name: str) -> InvalidError:
    return InvalidError(f"User {shorten(name)} already exists, username must be unique")


def _there(tx: Transaction, user: User) -> User:
    found = tx.users.by_id(user.id)
    if found is None:
        raise NotFoundError(f"there is no user {shorten(user.name)}")
    return found


def _active(tx: Transaction, user_id: int) -> bool:
    return any(server.active for server in tx.servers.of_user(user_id))
