"""Groups of users."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten

MAX_GROUP_NAME: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group, as stored.

    Attributes:
        id: key of the row.
        name: its name.
        users: names of its members, sorted.
        roles: names of its roles, sorted; its members have them too.
        scopes: scopes of those roles and of servers that are shared with the group, not expanded.
        properties: whatever an administrator notes.
    """

    id: int
    name: str
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    properties: Mapping[str, Any] = field(default_factory=dict)


def check_group_name(name: str) -> str:
    """Check the name of a group.

    Args:
        name: the name.

    Returns:
        The name.

    Raises:
        InvalidError: it is empty, too long, has control characters or outer spaces.
    """
    control = any(unicodedata.category(sign).startswith("C") for sign in name)
    if not name or len(name) > MAX_GROUP_NAME or control or name != name.strip():
        raise InvalidError(
            f"invalid group name {shorten(name)}: 1 to {MAX_GROUP_NAME} printable characters without "
            "spaces around them"
        )
    return name
