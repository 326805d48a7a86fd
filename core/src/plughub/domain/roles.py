"""Roles: named sets of scopes."""

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
"""Kind of a holder of roles."""

TOKEN_ROLE: Final = "token"  # noqa: S105 - the name of a role


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Named set of scopes.

    Attributes:
        name: its name.
        description: its purpose.
        scopes: raw scopes.
        managed_by_auth: whether an authenticator assigns it.
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
            "read:usage",
            "announce",
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
    """Return the name of a role if it is valid.

    Raises:
        InvalidError: it is invalid.
    """
    if not _ROLE_NAME.fullmatch(name):
        raise InvalidError(
            f"invalid role name {shorten(name)}: 3 to 255 of a-z 0-9 - _ ~ ., beginning with a letter and "
            "ending with a letter or digit"
        )
    return name


def check_role(role: Role, tree: ScopeTree) -> Role:
    """Return a role if its name and scopes are valid.

    Args:
        role: the role.
        tree: the scopes of the hub.

    Raises:
        InvalidError: the name is invalid, a scope does not exist, or the admin role is redefined.
    """
    check_role_name(role.name)
    tree.check(role.scopes, f"role {role.name!r}")
    if role.name == ADMIN_ROLE and set(role.scopes) != set(default_role(ADMIN_ROLE).scopes):
        raise InvalidError(
            "the scopes of the role 'admin' cannot be changed; leave 'scopes' out, or define another role"
        )
    return role


def default_role(name: str) -> Role:
    """Return the default role ``user``, ``admin``, ``server`` or ``token``."""
    return next(role for role in DEFAULT_ROLES if role.name == name)


def owner_scopes(tree: ScopeTree, owner: ScopeOwner, raw: Iterable[str]) -> frozenset[str]:
    """Expand the scopes of a user, group or service, for whom ``inherit`` has no meaning.

    Args:
        tree: the scopes of the hub.
        owner: resolution of self-filters.
        raw: scopes of roles and shares.
    """
    return tree.expand(raw, owner) - {INHERIT}
