"""Bringing roles, groups and people to what a config file declares, at the start of a hub."""

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
from plughub.services.users.access_revocation import end_access
from plughub.storage.store import Store, Transaction

AT_ONCE: Final = 5_000
"""Users that one transaction stores."""
log = logging.getLogger("plughub.roles")


def declare(tx: Transaction, declared: Declarations) -> list[ServerRecord]:
    """Bring roles, groups and people to what is declared. It may be done again and again.

    Args:
        tx: the transaction.
        declared: what the config file says.

    Returns:
        Servers that still run although their user is blocked.

    Raises:
        InvalidError: a role names a service that does not exist.
    """
    _store_roles(tx, declared)
    _store_groups(tx, declared)
    store_services(tx, declared.services, declared.base_url)
    for declaration in declared.roles:
        _assign(tx, declaration)
    _assign_admin_services(tx, declared)
    _make_admins(tx, declared.admins)
    blocked = _block(tx, declared.blocked)
    _give_default_role(tx, blocked)
    return [server for server in tx.servers.active() if server.user in blocked]


async def make_users(store: Store, names: Collection[str]) -> None:
    """Store people whom a setting allows, so that services can work for them before they log in.

    Thousands of names take several transactions, none of which keeps other work waiting for long.

    Args:
        store: the storage.
        names: of the people; those who are users already are left alone.
    """
    new = sorted(set(names) - await store.read(lambda tx: tx.user_list.known(names)))
    if new:
        log.info("%d people whom allowed_users lists become users", len(new))
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
    gone = tx.roles.keep_only([declaration.role.name for declaration in declared.roles])
    if gone:
        log.warning("roles that are not in the configuration are deleted: %s", ", ".join(sorted(gone)))


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
    """Make exactly those hold a role who are listed; who is left out of the default roles keeps them."""
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
    """Give the admin role to services that are declared so, there or in the role itself."""
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
            log.info("%s becomes an admin", name)
            tx.users.set_admin(user.id, admin=True)


def _block(tx: Transaction, blocked: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Take roles, tokens and logins from people who may not come in any more."""
    found = set()
    for user in _users_named(tx, {name for listed in blocked.values() for name in listed}):
        name = user.name
        if not _is_listed(tx, user.id, blocked, names={name}):
            continue
        found.add(name)
        tokens = [token.id for token in tx.tokens.of_user(user.id)]
        if user.roles or tokens or tx.sessions.of_user(user.id):
            log.warning("%s is blocked: roles, tokens and logins are taken away", name)
            tx.users.set_admin(user.id, admin=False)
            for role in user.roles:
                tx.roles.revoke(role, "user", [name])
            end_access(tx, user)
    return frozenset(found)


def _give_default_role(tx: Transaction, blocked: Collection[str]) -> None:
    without = sorted(set(tx.roles.users_without_roles()) - set(blocked))
    if without:
        tx.roles.grant(USER_ROLE, "user", without)


def _users_named(tx: Transaction, names: Collection[str]) -> list[User]:
    """List the users of these names, and those whom authenticators know by one of them."""
    keys = {key for name in names for key in tx.users.known_as(name)}
    stored = (tx.users.get(name) for name in names)
    keys.update(user.id for user in stored if user is not None)
    return tx.user_list.by_ids(keys)


def _is_listed(
    tx: Transaction, user_id: int, lists: Mapping[str, Collection[str]], names: Collection[str] = ()
) -> bool:
    """Tell whether a list of an authenticator that knows a user names the person; of any when none does yet.

    A list speaks of people by the names that the authenticator gives them, and perhaps by others.
    """
    user, known = tx.users.by_id(user_id), tx.users.identities(user_id)
    here = user.name if user is not None else ""
    people = [(found.plugin, {found.name or here, *names}) for found in known]
    people = people or [(plugin, {here}) for plugin in lists]
    return any(who & set(lists.get(plugin, lists.get("", ()))) for plugin, who in people)
