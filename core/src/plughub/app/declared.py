"""What the configuration declares of roles, groups and people."""

from __future__ import annotations
from collections.abc import Collection


from plughub.app.config import JupyterHub
from plughub.app.plugins import Selection
from plughub.classes.authenticator import Authenticator
from plughub.domain.declared import Declared, read_groups, read_roles
from plughub.domain.errors import InvalidError
from plughub.domain.scopes import ScopeTree
from plughub.domain.services import read_services


def declared_of(hub: JupyterHub, selection: Selection, tree: ScopeTree) -> Declared:
    """Read what is declared.

    Args:
        hub: the settings of the hub.
        selection: the plugins.
        tree: the scopes of the hub.

    Returns:
        What is declared.

    Raises:
        InvalidError: something is not good.
    """
    rules = {"": Authenticator(config=hub.config), **selection.authenticators}
    declared = Declared(
        roles=read_roles(hub.load_roles, tree, hub.extra_user_scopes),
        groups=read_groups(hub.load_groups),
        services=read_services(hub.services),
        admins={plugin: frozenset(found.admin_users) for plugin, found in rules.items()},
        blocked={plugin: frozenset(found.blocked_users) for plugin, found in rules.items()},
    )
    _check_managed(declared, list(selection.authenticators.values()))
    return declared


def _check_managed(declared: Declared, authenticators: Collection[Authenticator]) -> None:
    """Refuse to give by the config file what only authenticators give."""
    if not authenticators:
        return
    if all(found.manage_roles for found in authenticators):
        given = [role.role.name for role in declared.roles if role.users or role.groups]
        if given:
            raise InvalidError(
                f"manage_roles is set, so c.JupyterHub.load_roles can give no roles to users and groups: "
                f"{', '.join(sorted(given))}"
            )
    if all(found.manage_groups for found in authenticators):
        given = [group.name for group in declared.groups if group.users]
        if given:
            raise InvalidError(
                f"manage_groups is set, so c.JupyterHub.load_groups can put no users into groups: "
                f"{', '.join(sorted(given))}"
            )
