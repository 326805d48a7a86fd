"""Configuration sync: copies roles, groups, users and services from the config file into the database."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Final

from plughub.domain.declarations import Declarations, RoleDeclaration
from plughub.domain.errors import InvalidError
from plughub.domain.roles import ADMIN_ROLE, USER_ROLE, HolderKind
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User
from plughub.services.hub_services.registration import store_services
from plughub.services.tokens.configured_tokens import store_user_tokens
from plughub.services.users.access_revocation import revoke_access
from plughub.storage.store import Store, Transaction

AT_ONCE: Final = 5_000
"""Users stored per transaction."""
log = logging.getLogger("plughub.roles")


def sync_configuration(tx: Transaction, declared: Declarations) -> list[ServerRecord]:
    """Store roles, groups, users and services as configured. The call is idempotent.

    Args:
        tx: the transaction.
        declared: contents of the config file.

    Returns:
        Running servers of blocked users.

    Raises:
        InvalidError: a role names a missing service, or a token belongs to another user or service.
    """
    _store_roles(tx, declared)
    _store_groups(tx, declared)
    store_services(tx, declared.services, declared.base_url, trusted=declared.trust_tokens)
    store_user_tokens(tx, declared.tokens, trusted=declared.trust_tokens)
    for declaration in declared.roles:
        _assign(tx, declaration)
    _assign_admin_services(tx, declared)
    _make_admins(tx, declared.admins)
    blocked = _block(tx, declared.blocked)
    _give_default_role(tx, blocked)
    return [server for server in tx.servers.active() if server.user in blocked]


async def create_allowed_users(store: Store, names: Collection[str]) -> None:
    """Create the users in ``allowed_users``, so that services can act on them before their first login."""
    # Several transactions: thousands of names must not block other work.
    new = sorted(set(names) - await store.read(lambda tx: tx.user_list.known(names)))
    if new:
        log.info("creating %d users from allowed_users", len(new))
    for first in range(0, len(new), AT_ONCE):
        part = new[first : first + AT_ONCE]
        await store.write(lambda tx, part=part: tx.user_list.create(part))  # type: ignore[misc]


def _store_roles(tx: Transaction, declared: Declarations) -> None:
    before = {role.name: role for role in tx.roles.all()}
    for declaration in declared.roles:
        role = declaration.role
        known = before.get(role.name)
        if known is not None and (new := set(role.scopes) - set(known.scopes)):
            log.warning("role %s has new scopes: %s", role.name, ", ".join(sorted(new)))
    tx.roles.ensure(declaration.role for declaration in declared.roles)
    deleted = tx.roles.keep_only([declaration.role.name for declaration in declared.roles])
    if deleted:
        log.warning("deleting roles that are not in the configuration: %s", ", ".join(sorted(deleted)))


def _store_groups(tx: Transaction, declared: Declarations) -> None:
    names = {group.name for group in declared.groups}
    names.update(*(declaration.groups or () for declaration in declared.roles))
    if names:
        tx.groups.create(sorted(names))
    for group in declared.groups:
        tx.user_list.create(sorted(group.users))
        known = tx.groups.get(group.name)
        if known is not None and group.users - set(known.users):
            tx.groups.add_users(group.name, group.users)
        if group.properties is not None:
            tx.groups.set_properties(group.name, group.properties)


def _assign(tx: Transaction, declaration: RoleDeclaration) -> None:
    """Assign a role to exactly the listed holders; default roles keep holders of kinds without a list."""
    name = declaration.role.name
    wanted: Mapping[HolderKind, Collection[str] | None] = {
        "user": declaration.users,
        "group": declaration.groups,
        "service": declaration.services,
    }
    tx.user_list.create(sorted(declaration.users or ()))
    for kind, names in wanted.items():
        if names is None and name in {USER_ROLE, ADMIN_ROLE}:
            continue
        held = tx.roles.holders(name, kind)
        if kind == "user" and name == ADMIN_ROLE:
            _set_admins(tx, held, names or ())
            continue
        if kind == "service" and name == ADMIN_ROLE:
            continue
        by_hand = tx.roles.holders(name, kind, managed=False)
        tx.roles.revoke(name, kind, by_hand - set(names or ()))
        tx.roles.grant(name, kind, set(names or ()) - held)
        missing = set(names or ()) - tx.roles.holders(name, kind)
        if missing:
            shown = ", ".join(sorted(missing))
            raise InvalidError(
                f"c.JupyterHub.load_roles: role {name!r} names a {kind} that does not exist: {shown}"
            )


def _set_admins(tx: Transaction, held: Collection[str], wanted: Collection[str]) -> None:
    for name in set(held) ^ set(wanted):
        user = tx.users.get(name)
        if user is not None:
            tx.users.set_admin(user.id, name in wanted)


def _assign_admin_services(tx: Transaction, declared: Declarations) -> None:
    """Assign the admin role to services with ``admin``, or listed in the role itself."""
    listed = next((found.services for found in declared.roles if found.role.name == ADMIN_ROLE), None)
    wanted = {service.name for service in declared.services if service.admin} | set(listed or ())
    held = tx.roles.holders(ADMIN_ROLE, "service")
    tx.roles.revoke(ADMIN_ROLE, "service", held - wanted)
    tx.roles.grant(ADMIN_ROLE, "service", wanted)


def _make_admins(tx: Transaction, admins: Mapping[str, Collection[str]]) -> None:
    names = sorted({name for listed in admins.values() for name in listed})
    tx.user_list.create(names)
    for name in names:
        user = tx.users.get(name)
        if user is not None and not user.admin and _is_listed(tx, user.id, admins):
            log.info("making %s an admin", name)
            tx.users.set_admin(user.id, admin=True)


def _block(tx: Transaction, blocked: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Revoke roles, tokens and sessions of blocked users; return their names."""
    found = set()
    for user in _users_named(tx, {name for listed in blocked.values() for name in listed}):
        name = user.name
        if not _is_listed(tx, user.id, blocked, names={name}):
            continue
        found.add(name)
        tokens = [token.id for token in tx.tokens.of_user(user.id)]
        if user.roles or tokens or tx.sessions.of_user(user.id):
            log.warning("%s is blocked: revoking roles, tokens and logins", name)
            tx.users.set_admin(user.id, admin=False)
            for role in user.roles:
                tx.roles.revoke(role, "user", [name])
            revoke_access(tx, user)
    return frozenset(found)


def _give_default_role(tx: Transaction, blocked: Collection[str]) -> None:
    without = sorted(set(tx.roles.users_without_roles()) - set(blocked))
    if without:
        tx.roles.grant(USER_ROLE, "user", without)


def _users_named(tx: Transaction, names: Collection[str]) -> list[User]:
    """Return the users with these names, or known to an authenticator by one of them."""
    keys = {key for name in names for key in tx.users.known_as(name)}
    stored = (tx.users.get(name) for name in names)
    keys.update(user.id for user in stored if user is not None)
    return tx.user_list.by_ids(keys)


def _is_listed(
    tx: Transaction, user_id: int, lists: Mapping[str, Collection[str]], names: Collection[str] = ()
) -> bool:
    """Return whether a list of an authenticator that knows the user names them; of any for an unknown one."""
    # A list names users as its authenticator does, and possibly by further names.
    user, known = tx.users.by_id(user_id), tx.users.identities(user_id)
    here = user.name if user is not None else ""
    listed_as = [(found.plugin, {found.name or here, *names}) for found in known]
    listed_as = listed_as or [(plugin, {here}) for plugin in lists]
    return any(names & set(lists.get(plugin, lists.get("", ()))) for plugin, names in listed_as)
