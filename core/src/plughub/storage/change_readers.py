"""Queries for the keys by which changes are delivered to their readers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final, TypeVar

from sqlalchemy import Connection, bindparam, select, tuple_

from plughub.storage import tables

T = TypeVar("T")
CHUNK: Final = 500
"""Keys in one statement."""
_users, _spawners, _groups = tables.users.c, tables.spawners.c, tables.groups.c
_members = tables.user_group_map.c
_USER_IDS = select(_users.id).where(_users.name.in_(bindparam("names", expanding=True)))
_SERVER_IDS = (
    select(_spawners.id)
    .join(tables.users, _users.id == _spawners.user_id)
    .where(tuple_(_users.name, _spawners.name).in_(bindparam("names", expanding=True)))
)
_GROUPS_OF = (
    select(_members.user_id, _groups.name)
    .join(tables.groups, _groups.id == _members.group_id)
    .where(_members.user_id.in_(bindparam("keys", expanding=True)))
)


class ChangeReaders:
    """Keys of users, servers and groups, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def user_ids(self, names: Collection[str]) -> list[int]:
        """Return the keys of users by name."""
        return [
            key
            for chunk in _chunks(sorted(names))
            for key in self._connection.execute(_USER_IDS, {"names": chunk}).scalars()
        ]

    def server_ids(self, names: Collection[str]) -> list[int]:
        """Return the keys of servers by ``user/server``."""
        pairs = [tuple(name.split("/", 1)) for name in sorted(names) if "/" in name]
        return [
            key
            for chunk in _chunks(pairs)
            for key in self._connection.execute(_SERVER_IDS, {"names": chunk}).scalars()
        ]

    def groups_of(self, user_ids: Collection[int]) -> dict[int, set[str]]:
        """Return the names of the groups of users by key."""
        found: defaultdict[int, set[str]] = defaultdict(set)
        for chunk in _chunks(sorted(user_ids)):
            for row in self._connection.execute(_GROUPS_OF, {"keys": chunk}):
                found[row.user_id].add(row.name)
        return found


def _chunks(values: list[T]) -> Iterable[list[T]]:
    return (values[begin : begin + CHUNK] for begin in range(0, len(values), CHUNK))
