"""Administration of users: list, create, change, delete."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from plughub.domain.names import check_username, normalize_username, shorten
from plughub.domain.scopes import FilterFacts, ScopeFilter, ScopeTree, gained_scopes, name_scopes
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User, UserQuery
from plughub.plugin.hooks import Hooks
from plughub.services.operations.credentials import revoke_credentials
from plughub.services.secrets.auth_states import EncryptedState
from plughub.services.server_records import user_view
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.services.users.access_revocation import revoke_access
from plughub.services.users.admin_protection import AdminRule
from plughub.services.users.admission import Admission
from plughub.services.users.deletion import UserDeletion, authenticators_of
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.startup_user_sync import UserPreparation
from plughub.storage.store import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPage:
    """Page of users.

    Attributes:
        users: users in order.
        servers: servers by key of the user.
        total: users on all pages.
    """

    users: list[User]
    servers: Mapping[int, list[ServerRecord]]
    total: int


@dataclass(frozen=True, slots=True)
class _Change:
    """Changes to a user; None and empty values are kept."""

    name: str | None
    admin: bool | None
    auth_state: EncryptedState | None
    authenticator: str


class UserAdmin:
    """Lists, creates, changes and deletes users on behalf of a caller.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        tree: hierarchy of scopes.
        preparation: calls authenticators for new users.
        deletion: deletes users.
        is_valid_name: whether a normalised name is accepted as a user name.
        configured_names: names in the configuration; only admins may rename a user to one of them.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        tree: ScopeTree,
        preparation: UserPreparation,
        deletion: UserDeletion,
        is_valid_name: Callable[[str], bool] = lambda _name: True,
        configured_names: Collection[str] = frozenset(),
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings
        self._preparation = preparation
        self._deletion = deletion
        self._is_valid_name = is_valid_name
        self._configured_names = frozenset(configured_names)
        self._admins = AdminRule(tree)
        self._admission = Admission(settings, frozenset({ONETIME}))

    async def page(self, query: UserQuery, *, stopped: bool = False) -> UserPage:
        """Return a page of users.

        Args:
            query: filter and order.
            stopped: include servers that are not running.
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
        """Create users, who may then log in; existing ones are left unchanged.

        Args:
            names: names as typed.
            admin: make them admins.
            by: the caller.
            authenticator: authenticator of the users; empty for all, where a name denotes the same
                user for all of them. Otherwise users without one need a setting that allows them.

        Returns:
            The new users.

        Raises:
            InvalidError: a name is not valid or rejected by the authenticators, or there is no such
                authenticator; no user is created.
            ForbiddenError: the caller is not an admin and wants to create admins.
            ConflictError: all users exist already.
        """
        wanted = self._check_names(names)
        admitted = self._admission.authenticators_for(authenticator)
        if admin:
            self._admins.check(by, "make admins")
            if not authenticator and not self._admission.is_shared:
                raise InvalidError(
                    "the authenticator of new admins is required: other authenticators may use their names "
                    "for other people",
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
                hint='assign the authenticator by PATCH /users/:name with "authenticator"'
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
        """Rename a user, assign an authenticator, grant or revoke admin rights, or store auth state.

        A rename ends all logins and tokens of the user.

        Args:
            user: the user.
            name: the new name, as typed; None to keep it.
            admin: whether the user is an admin; None to keep it.
            auth_state: encrypted auth state; None to keep it.
            authenticator: authenticator of a user who never logged in; empty to keep it.
            by: the caller.

        Returns:
            The changed user.

        Raises:
            InvalidError: the name is not valid or already used, a server is running under the old one, or
                the authenticator does not exist or refuses the user.
            ForbiddenError: the caller is not an admin and changes one or assigns an authenticator, or may not
                assign the new name.
            ConflictError: the user already logs in with another authenticator.
            PluginError: an authenticator cannot rename the user; nothing is changed.
        """
        new_name = None if name is None else self._check_names([name])[0]
        if authenticator:
            await self._check_assignment(user, authenticator, by, renamed=new_name not in {None, user.name})
        if new_name is not None and new_name != user.name:
            await self._rename_at_authenticators(user, new_name, by)

        wanted = _Change(new_name, admin, auth_state, authenticator)
        try:
            return await self._store.write(lambda tx: self._store_change(tx, user, wanted, by))
        except ConflictError as error:
            if new_name is None:
                raise
            raise _taken(new_name) from error

    async def delete(self, user: User, seconds: float, *, by: Principal) -> None:
        """Stop a user's servers and delete the user.

        Args:
            user: the user.
            seconds: longest wait for the servers to stop.
            by: the caller.

        Raises:
            ForbiddenError: the caller is not an admin and deletes one.
            InvalidError: the caller is the user, or a server has not stopped yet.
            PluginError: an authenticator could not clean up; the user is kept.
        """

        def check(current: User) -> None:
            if self._admins.is_admin(current):
                self._admins.check(by, "delete admins")

        await self._deletion.delete(user, seconds, by=by, check=check)

    def _store_change(self, tx: Transaction, user: User, wanted: _Change, by: Principal) -> User:
        tx.users.lock(user.id)
        current = _existing(tx, user)
        self._check_change(current, wanted.admin, by)
        if wanted.name is not None and wanted.name != current.name:
            self._check_rename(tx, current, wanted.name, by)
            self._revoke_all(tx, current)
            tx.user_list.rename(user.id, wanted.name)
        if wanted.admin is not None and wanted.admin != current.admin:
            tx.users.set_admin(user.id, wanted.admin)
        if wanted.auth_state is not None:
            tx.users.set_auth_state(user.id, wanted.auth_state.data)
        if wanted.authenticator:
            self._admission.assign(tx, current, wanted.authenticator)
        return _existing(tx, user)

    async def _check_assignment(self, user: User, plugin: str, by: Principal, *, renamed: bool) -> None:
        """Refuse an authenticator that does not fit the user, and call it for the user."""
        self._admins.check(by, "assign an authenticator to a user")
        if renamed:
            raise InvalidError("change name and authenticator of a user in two requests")
        admitted = self._admission.authenticators_for(plugin)
        await self._store.read(lambda tx: self._admission.check_assignment(tx, user, plugin))
        info = user_view(user)
        reason = await self._preparation.prepare(info, admitted)
        if reason:
            raise InvalidError(f"{shorten(user.name)} cannot log in with {plugin}: {reason}")

    async def _rename_at_authenticators(self, user: User, name: str, by: Principal) -> None:
        """Check a rename and let the user's authenticators apply it."""

        def check(tx: Transaction) -> tuple[User, tuple[str, ...]]:
            current = _existing(tx, user)
            self._check_change(current, None, by)
            self._check_rename(tx, current, name, by)
            return current, authenticators_of(tx, self._settings, [user.id])[user.id]

        current, plugins = await self._store.read(check)
        for plugin in plugins:
            await self._hooks.rename_user(plugin, user_view(current), name)

    def _revoke_all(self, tx: Transaction, user: User) -> None:
        """Revoke all access and all credentials that bear the old name, which another user may get."""
        for server in tx.servers.of_user(user.id):
            revoke_credentials(tx, self._settings, server)
        revoke_access(tx, user)

    def _check_change(self, user: User, admin: bool | None, by: Principal) -> None:
        if self._admins.is_admin(user) or (admin is not None and admin != user.admin):
            self._admins.check(by, "change admins")

    def _check_rename(self, tx: Transaction, user: User, name: str, by: Principal) -> None:
        if _active(tx, user.id):
            raise InvalidError(
                f"{user.name} has running servers: stop them first, because their addresses contain the name"
            )
        self._check_gained_access(user, name, by)
        if tx.users.get(name) is not None:
            raise _taken(name)
        is_known = name in self._configured_names or set(tx.users.known_as(name)) - {user.id}
        if is_known and not self._admins.allows(by):
            raise ForbiddenError(
                f"only admins can rename a user to {shorten(name)}: another user is known by that name",
                hint="ask an admin of this hub",
            )

    @staticmethod
    def _check_gained_access(user: User, name: str, by: Principal) -> None:
        """Refuse a name for which the caller could not create a user, or that would give them more access."""
        if not by.may("admin:users", resource=ScopeFilter.user(name)):
            raise ForbiddenError(
                f"your scopes do not cover a user named {shorten(name)}: a rename requires the same scopes "
                "as creating a user with that name",
                hint="ask an admin of this hub",
            )
        gained = gained_scopes(by.scopes, FilterFacts(user.name, user.groups), FilterFacts(name, user.groups))
        if gained:
            raise ForbiddenError(
                f"the name {shorten(name)} would give you access to the user through {name_scopes(gained)}",
                hint="ask an admin of this hub",
            )

    async def _prepare(self, names: Collection[str], authenticators: Collection[str]) -> None:
        refused = await self._preparation.prepare_new(names, authenticators)
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
                if not self._is_valid_name(name):
                    bad.append(name)
        if bad:
            shown = ", ".join(shorten(name) for name in bad[:10])
            raise InvalidError(f"Invalid username{'s' if len(bad) > 1 else ''}: {shown}")
        if not good:
            raise InvalidError("Must specify at least one user to create")
        return good


def _taken(name: str) -> InvalidError:
    return InvalidError(f"User {shorten(name)} already exists, username must be unique")


def _existing(tx: Transaction, user: User) -> User:
    found = tx.users.by_id(user.id)
    if found is None:
        raise NotFoundError(f"there is no user {shorten(user.name)}")
    return found


def _active(tx: Transaction, user_id: int) -> bool:
    return any(server.active for server in tx.servers.of_user(user_id))
