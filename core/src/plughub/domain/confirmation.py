"""Rules for requests with a login cookie that require a recent login.

If servers share the hub's origin, a page of a hostile server can send requests with the login cookie of its
visitor. Such a page does not know the visitor's password. Requests with lasting effects or effects on others
(tokens, shares, actions of administrators) therefore require that the user authenticated recently.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from plughub.domain.scopes import ScopeFilter

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_GRANTING: Final = frozenset({"tokens", "shares"})
"""Scopes of calls that grant the user's permissions to programs or to other users."""
_OF_ADMINS: Final = ("admin:", "delete:users")
"""Prefixes of scopes for administrators."""


def needs_confirmation(method: str, scopes: Collection[str], resource: ScopeFilter | None, user: str) -> bool:
    """Return whether a request requires a recent login.

    Args:
        method: HTTP method.
        scopes: the scopes of which the request needs any; empty if any logged-in user may send it.
        resource: the affected resource; None if there is no single one.
        user: name of the user who sends the request.

    Returns:
        True if it affects others than the user, is an administrator's action, or grants access.
    """
    if method in _READING or not scopes:
        return False
    if resource is None or resource.user_name != user:
        return True
    if any(scope.startswith(_OF_ADMINS) for scope in scopes):
        return True
    return method == "POST" and not _GRANTING.isdisjoint(scopes)
