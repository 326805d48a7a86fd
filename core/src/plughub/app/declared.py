"""What the configuration declares of roles, groups and people."""

from __future__ import annotations

from plughub.app.config import JupyterHub
from plughub.app.plugins import Selection
from plughub.classes.authenticator import Authenticator
from plughub.domain.declared import Declared, read_groups, read_roles
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
    return Declared(
        roles=read_roles(hub.load_roles, tree, hub.extra_user_scopes),
        groups=read_groups(hub.load_groups),
        services=read_services(hub.services),
        admins={plugin: frozenset(found.admin_users) for plugin, found in rules.items()},
        blocked={plugin: frozenset(found.blocked_users) for plugin, found in rules.items()},
    )
