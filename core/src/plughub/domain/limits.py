"""Limits per user, so that no user can fill the database or the lists of others."""

from __future__ import annotations

from typing import Final

from plughub.domain.errors import InvalidError

MAX_TOKENS: Final = 1000
"""Default limit of valid API tokens per user."""
MAX_OAUTH_TOKENS: Final = 200
"""Tokens of a user for one server or service; the newest are kept."""
MAX_OAUTH_CODES: Final = 100
"""Unused, unexpired OAuth codes per user."""
MAX_SHARE_CODES: Final = 100
"""Unexpired share codes per server."""


def check_room(found: int, limit: int, what: str, remedy: str) -> None:
    """Refuse another item if the limit is reached.

    Args:
        found: current number of items.
        limit: largest number; 0 for no limit.
        what: message, such as ``alice already has the maximum of %d API tokens``.
        remedy: hint for the user.

    Raises:
        InvalidError: the limit is reached.
    """
    if limit and found >= limit:
        raise InvalidError(what % limit, hint=remedy)
