"""Conditions that lists share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from plughub.domain.scopes import ScopeCoverage
from plughub.storage import tables

_users, _groups, _members = tables.users.c, tables.groups.c, tables.user_group_map.c
_spawners = tables.spawners.c


def contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that a column contains a text, in upper or lower case."""
    return func.lower(column).contains(text.lower(), autoescape=True)


def members_of(groups: Collection[str]) -> Select[Any]:
    """Return a query for the keys of the members of groups."""
    return (
        select(_members.user_id)
        .join(tables.groups, _groups.id == _members.group_id)
        .where(_groups.name.in_(groups))
    )


def users_within(coverage: ScopeCoverage) -> list[ColumnElement[bool]]:
    """Return the conditions on users, a table of the query, that limit it to a coverage."""
    if coverage.everything:
        return []
    covered = [
        *([_users.name.in_(coverage.users)] if coverage.users else []),
        *([_users.id.in_(members_of(coverage.groups))] if coverage.groups else []),
    ]
    return [or_(*covered) if covered else false()]


def servers_within(coverage: ScopeCoverage) -> list[ColumnElement[bool]]:
    """Return the conditions on users and spawners, tables of the query, that limit it to a coverage."""
    if coverage.everything or not coverage.servers:
        return users_within(coverage)
    names: defaultdict[str, list[str]] = defaultdict(list)
    for full_name in coverage.servers:
        user, _, server = full_name.partition("/")
        names[user].append(server)
    single = [and_(_users.name == user, _spawners.name.in_(servers)) for user, servers in names.items()]
    return [or_(*users_within(coverage), *single)]


def groups_of_users(connection: Connection, user_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Return the sorted names of the groups of users by key; users without groups are left out."""
    if not user_ids:
        return {}
    found: defaultdict[int, list[str]] = defaultdict(list)
    query = (
        select(_members.user_id, _groups.name)
        .join(tables.groups, _groups.id == _members.group_id)
        .where(_members.user_id.in_(sorted(set(user_ids))))
        .order_by(_groups.name)
    )
    for row in connection.execute(query):
        found[row.user_id].append(row.name)
    return {key: tuple(names) for key, names in found.items()}
