"""Which requests with a login cookie need fresh proof of who sends them.

Where servers share the hub's origin, a page of a hostile server can send requests as whoever looks at it. It
does not know the password, so that a login that is some minutes old guards what would outlast the page or
reach others: tokens, shares, and what administrators do.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from plughub.domain.scopes import ScopeFilter

CONFIRM_SECONDS: Final = 600.0
"""How old the proof may be."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_GRANTING: Final = frozenset({"tokens", "shares"})
"""Scopes for calls that give others, or programs, what the user holds."""
_OF_ADMINS: Final = ("admin:", "delete:users")
"""Begin scopes that are an administrator's, whatever they are used for."""


def needs_confirmation(method: str, scopes: Collection[str], resource: ScopeFilter | None, user: str) -> bool:
    """Tell whether a request needs fresh proof of who sends it.

    Args:
        method: of HTTP.
        scopes: any of which the request needs; none when it is for whoever is logged in.
        resource: what it is about; None for no single thing.
        user: name of the user who sends it.

    Returns:
        True when it changes something beyond the user, is an administrator's, or gives something away.
    """
    if method in _READING or not scopes:
        return False
    if resource is None or resource.user_name != user:
        return True
    if any(scope.startswith(_OF_ADMINS) for scope in scopes):
        return True
    return method == "POST" and not _GRANTING.isdisjoint(scopes)
