"""Groups of users."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.words import _

MAX_GROUP_NAME: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Stored group.

    Attributes:
        id: key of the row.
        name: its name.
        users: sorted names of its members.
        roles: sorted names of its roles, which apply to its members.
        scopes: unexpanded scopes of those roles and of servers shared with the group.
        properties: arbitrary notes of administrators.
    """

    id: int
    name: str
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    properties: Mapping[str, Any] = field(default_factory=dict)


def check_group_name(name: str) -> str:
    """Return the name of a group if it is valid.

    Raises:
        InvalidError: it is empty, too long, or has control characters or outer spaces.
    """
    control = any(unicodedata.category(sign).startswith("C") for sign in name)
    if not name or len(name) > MAX_GROUP_NAME or control or name != name.strip():
        raise InvalidError(
            _(
                "invalid group name %(name)s: 1 to %(longest)s printable characters without spaces around "
                "them",
                name=shorten(name),
                longest=MAX_GROUP_NAME,
            )
        )
    return name
