"""Roles, groups, users and services that the configuration declares."""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
from collections.abc import Collection, Iterator, Mapping

from plughub.app.config import JupyterHub
from plughub.app.plugins import PluginSelection
from plughub.classes.authenticator.authenticator import Authenticator
from plughub.domain.declarations import Declarations, read_groups, read_roles, read_user_tokens
from plughub.domain.errors import InvalidError, StartError
from plughub.domain.names import shorten
from plughub.domain.scopes import ScopeTree
from plughub.domain.service_specs import read_services
from plughub.domain.services import ServiceDeclaration
from plughub.services.users.login_links import PLUGIN as ONETIME

log = logging.getLogger("plughub.start")


def declared_of(hub: JupyterHub, selection: PluginSelection, tree: ScopeTree, base_url: str) -> Declarations:
    """Read the declarations of the configuration.

    Raises:
        StartError: a declaration is invalid; names the setting.
        InvalidError: load_roles or load_groups conflicts with manage_roles or manage_groups.
    """
    rules = {"": Authenticator(config=hub.config), **selection.authenticators}
    with _read_from("extra_user_scopes"):
        tree.check(tuple(hub.extra_user_scopes), "the scopes of all users")
    with _read_from("load_roles"):
        roles = read_roles(hub.load_roles, tree, hub.extra_user_scopes)
    with _read_from("load_groups"):
        groups = read_groups(hub.load_groups)
    with _read_from("services"):
        services = read_services(hub.services, hub.service_tokens)
        _check_services(services, tree)
    with _read_from("api_tokens"):
        tokens = read_user_tokens(hub.api_tokens)
    declared = Declarations(
        roles=roles,
        groups=groups,
        services=services,
        tokens=tokens,
        trust_tokens=hub.trust_user_provided_tokens,
        base_url=base_url,
        admins={plugin: found.hub_names(found.admin_users) for plugin, found in rules.items()},
        blocked={plugin: frozenset(found.blocked_users) for plugin, found in rules.items()},
        allowed=_allowed(selection, rules),
    )
    _check_managed(declared, list(selection.authenticators.values()))
    return declared


def _allowed(selection: PluginSelection, rules: Mapping[str, Authenticator]) -> frozenset[str]:
    """Return the valid names of allowed_users of all active authenticators; log the invalid ones."""
    names: set[str] = set()
    for plugin in set(selection.active.owners("authenticator")) - {ONETIME}:
        found = rules.get(plugin, rules[""])
        listed = found.hub_names(found.allowed_users)
        good = {name for name in listed if found.validate_username(name)}
        names |= good - found.blocked_users
        if bad := sorted(listed - good):
            shown = ", ".join(shorten(name) for name in bad[:10])
            log.warning("c.%s.allowed_users contains invalid usernames: %s", type(found).__name__, shown)
    return frozenset(names)


def scopes_of(hub: JupyterHub) -> ScopeTree:
    """Return the scopes of the hub, custom scopes included.

    Raises:
        StartError: a custom scope is invalid.
    """
    with _read_from("custom_scopes"):
        return ScopeTree(hub.custom_scopes)


@contextlib.contextmanager
def _read_from(setting: str) -> Iterator[None]:
    """Name the setting in an error that its value causes."""
    try:
        yield
    except InvalidError as error:
        raise StartError(f"c.JupyterHub.{setting}: {error.message}", hint=error.hint) from error


def _check_services(services: Collection[ServiceDeclaration], tree: ScopeTree) -> None:
    """Refuse scopes that do not exist, and system users that the hub cannot run services as."""
    for service in services:
        tree.check(service.oauth_scopes, f"oauth_client_allowed_scopes of service {service.name!r}")
        if not service.user:
            continue
        try:
            account = pwd.getpwnam(service.user)
        except KeyError as error:
            raise InvalidError(
                f"service {service.name!r}: system user not found: {service.user!r}"
            ) from error
        if os.geteuid() not in {0, account.pw_uid}:
            raise InvalidError(
                f"service {service.name!r} cannot run as {service.user!r}: the hub does not run as root",
                hint="remove 'user' to run the service as the user of the hub",
            )


def _check_managed(declared: Declarations, authenticators: Collection[Authenticator]) -> None:
    """Refuse role and group members in the config file if only authenticators assign them."""
    if not authenticators:
        return
    if all(found.manage_roles for found in authenticators):
        given = [role.role.name for role in declared.roles if role.users or role.groups]
        if given:
            raise InvalidError(
                f"manage_roles is set, so c.JupyterHub.load_roles cannot assign roles to users or groups: "
                f"{', '.join(sorted(given))}"
            )
    if all(found.manage_groups for found in authenticators):
        given = [group.name for group in declared.groups if group.users]
        if given:
            raise InvalidError(
                f"manage_groups is set, so c.JupyterHub.load_groups cannot add users to groups: "
                f"{', '.join(sorted(given))}"
            )
