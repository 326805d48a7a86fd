"""Composition of the services of users and logins."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from plughub.services.basis import Basis
from plughub.services.operations.composition import OperationServices
from plughub.services.servers.composition import ServerServices
from plughub.services.tokens.composition import TokenServices
from plughub.services.users.admin import UserAdmin
from plughub.services.users.console_lists import ConsoleLists
from plughub.services.users.deletion import UserDeletion
from plughub.services.users.groups import GroupService
from plughub.services.users.identities import IdentityService
from plughub.services.users.invitations import Invitations
from plughub.services.users.login import LoginService
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.refresh import Refresher
from plughub.services.users.sessions import SessionService
from plughub.services.users.startup_user_sync import StartupUserSync, UserPreparation
from plughub.services.users.users import UserService


@dataclass(frozen=True, kw_only=True)
class UserRules:
    """Rules of the configuration for names of users.

    Attributes:
        is_valid_username: whether an authenticator accepts a user name.
        configured_names: users named in the configuration; the API cannot rename them.
        delete_invalid: authenticators with ``delete_invalid_users``: rejected users are deleted at startup.
        blocked: names of blocked users.
        accepting: authenticators that accept every stored user and have nothing to prepare.
    """

    is_valid_username: Callable[[str], bool] = lambda _name: True
    configured_names: Collection[str] = frozenset()
    delete_invalid: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    accepting: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class UserServices:
    """Services of this package.

    Attributes:
        users: finds users.
        user_admin: lists, creates, changes and deletes users.
        user_preparation: calls authenticators for new users.
        deletion: deletes users.
        startup_user_sync: checks all users against the authenticators once, at startup.
        groups: finds and changes groups.
        console_lists: reads long lists, page by page.
        logins: logs users in and out.
        invitations: creates login links for users.
        sessions: authenticates login cookies.
        refresher: re-checks users with their authenticator after a while.
    """

    users: UserService
    user_admin: UserAdmin
    user_preparation: UserPreparation
    deletion: UserDeletion
    startup_user_sync: StartupUserSync
    groups: GroupService
    console_lists: ConsoleLists
    logins: LoginService
    invitations: Invitations
    sessions: SessionService
    refresher: Refresher


def compose_users(
    basis: Basis,
    rules: UserRules,
    tokens: TokenServices,
    operations: OperationServices,
    servers: ServerServices,
) -> UserServices:
    """Create the services of this package."""
    store, settings, tree = basis.store, basis.settings, basis.tree
    parts = store, basis.hooks, settings
    identities = IdentityService(settings, tree, frozenset({ONETIME}))
    preparation = UserPreparation(*parts)
    deletion = UserDeletion(*parts, servers.servers, operations.server_cleanup, basis.change_feed)
    names = rules.is_valid_username, rules.configured_names
    return UserServices(
        users=UserService(store),
        user_admin=UserAdmin(*parts, tree, preparation, deletion, *names),
        user_preparation=preparation,
        deletion=deletion,
        startup_user_sync=StartupUserSync(
            store,
            settings,
            preparation,
            deletion,
            delete_invalid=rules.delete_invalid,
            blocked=rules.blocked,
            accepting=rules.accepting,
        ),
        groups=GroupService(store, tree),
        console_lists=ConsoleLists(store),
        logins=LoginService(*parts, basis.events, identities, basis.auth_states),
        invitations=Invitations(store, tree),
        sessions=SessionService(store, tokens.tokens, settings),
        refresher=Refresher(*parts, identities, basis.auth_states),
    )
