"""Roles: named bundles of scopes, and what a user, group or service may do by them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.scopes import ScopeOwner, ScopeTree
from plughub.domain.scopes.definitions import INHERIT

_ROLE_NAME: Final = re.compile(r"[a-z][a-z0-9\-_~.]{1,253}[a-z0-9]")

USER_ROLE: Final = "user"
ADMIN_ROLE: Final = "admin"
SERVER_ROLE: Final = "server"
HolderKind = Literal["user", "group", "service"]
"""Who can hold a role."""

TOKEN_ROLE: Final = "token"  # noqa: S105 - the name of a role


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A named bundle of scopes.

    Attributes:
        name: name of the role.
        description: what it is for.
        scopes: raw scopes.
        managed_by_auth: an authenticator assigns it.
    """

    name: str
    description: str = ""
    scopes: tuple[str, ...] = ()
    managed_by_auth: bool = False


DEFAULT_ROLES: Final = (
    Role(name=USER_ROLE, description="What every user may do", scopes=("self",)),
    Role(
        name=ADMIN_ROLE,
        description="May do everything",
        scopes=(
            "admin-ui",
            "admin:users",
            "admin:servers",
            "admin:services",
            "tokens",
            "admin:groups",
            "list:services",
            "read:services",
            "read:hub",
            "proxy",
            "shutdown",
            "access:services",
            "access:servers",
            "read:roles",
            "read:metrics",
            "read:audit",
            "shares",
        ),
    ),
    Role(
        name=SERVER_ROLE,
        description="What a server may do with its own token",
        scopes=("users:activity!user", "access:servers!server"),
    ),
    Role(name=TOKEN_ROLE, description="What the owner of the token may do", scopes=("inherit",)),
)
"""The roles that every hub has."""


def check_role_name(name: str) -> str:
    """Check the name of a role.

    Args:
        name: the name.

    Returns:
        The name.

    Raises:
        InvalidError: it breaks the rule.
    """
    if not _ROLE_NAME.fullmatch(name):
        raise InvalidError(
            f"invalid role name {shorten(name)}: 3 to 255 of a-z 0-9 - _ ~ ., beginning with a letter and "
            "ending with a letter or digit"
        )
    return name


def check_role(role: Role, tree: ScopeTree) -> Role:
    """Check the name and the scopes of a role.

    Args:
        role: the role.
        tree: the scopes of the hub.

    Returns:
        The role.

    Raises:
        InvalidError: the name breaks the rule, a scope does not exist, or the admin role is redefined.
    """
    check_role_name(role.name)
    tree.check(role.scopes, f"role {role.name!r}")
    if role.name == ADMIN_ROLE and set(role.scopes) != set(default_role(ADMIN_ROLE).scopes):
        raise InvalidError(
            "the scopes of the role 'admin' cannot be changed; leave 'scopes' out, or define another role"
        )
    return role


def default_role(name: str) -> Role:
    """Find one of the default roles.

    Args:
        name: ``user``, ``admin``, ``server`` or ``token``.

    Returns:
        The role.
    """
    return next(role for role in DEFAULT_ROLES if role.name == name)


def owner_scopes(tree: ScopeTree, owner: ScopeOwner, raw: Iterable[str]) -> frozenset[str]:
    """Expand the scopes that a user, group or service holds; ``inherit`` means nothing there.

    Args:
        tree: the scopes of the hub.
        owner: whom the self-filters stand for.
        raw: scopes of roles and shares.

    Returns:
        Expanded scopes.
    """
    return tree.expand(raw, owner) - {INHERIT}
