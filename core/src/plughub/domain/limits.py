"""How many of a thing one user may have, so that no user fills the database or the lists of others."""

from __future__ import annotations

from typing import Final

from plughub.domain.errors import InvalidError

MAX_TOKENS: Final = 1000
"""API tokens of a user that have not ended, unless the configuration says otherwise."""
MAX_OAUTH_TOKENS: Final = 200
"""Tokens of a user for one server or service; the newest stay."""
MAX_OAUTH_CODES: Final = 100
"""OAuth codes of a user that have not been used and not ended."""
MAX_SHARE_CODES: Final = 100
"""Share codes of a server that have not ended."""


def check_room(found: int, limit: int, what: str, remedy: str) -> None:
    """Refuse one more of a thing.

    Args:
        found: how many there are.
        limit: how many there may be; 0 for any number.
        what: who has them and what they are, such as ``alice already has the maximum of %d API tokens``.
        remedy: what to do about it.

    Raises:
        InvalidError: there is no room.
    """
    if limit and found >= limit:
        raise InvalidError(what % limit, hint=remedy)
