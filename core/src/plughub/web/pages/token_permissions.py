"""Permissions that users can choose for a token, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plughub.domain.scopes import ScopeFilter
from plughub.domain.scopes.tree import ScopeTree
from plughub.domain.words import Text, _
from plughub.services.tokens.principals import Principal

OWN: Final[Mapping[str, Text]] = {
    "access:servers": _("Open my running servers"),
    "servers": _("Start and stop my servers, and see their state"),
    "read:users": _("See my name, my groups and when I was active"),
    "users:activity": _("Report that I am active"),
    "shares": _("Share my servers with others"),
    "tokens": _("Create and revoke my tokens"),
}
"""Scopes about the user's own things."""
OTHERS: Final = (
    "list:users", "admin:users", "access:servers", "admin:servers", "admin:groups", "admin:services",
    "read:hub", "read:metrics", "read:audit", "proxy",
)  # fmt: skip
"""Scopes about everybody's things; offered to users who hold them without a filter."""


def token_permissions(principal: Principal, tree: ScopeTree) -> list[dict[str, Any]]:
    """Return the permissions that a user can give to a token.

    Args:
        principal: the user.
        tree: the scopes of the hub.

    Returns:
        Scope, label, and whether the permission concerns others.
    """
    own = ScopeFilter.user(principal.name)
    mine = [
        {"scope": f"{scope}!user", "label": label, "others": False}
        for scope, label in OWN.items()
        if principal.may(scope, resource=own)
    ]
    others = [
        {"scope": scope, "label": tree.definitions[scope].description, "others": True}
        for scope in OTHERS
        if principal.may(scope)
    ]
    return [*mine, *others]
