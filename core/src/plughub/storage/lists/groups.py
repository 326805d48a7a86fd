"""Lists of groups and roles, without the names of all members."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Select, func, select

from plughub.domain.lists import GroupSummary, ListQuery, RoleSummary
from plughub.domain.scopes import ScopeCoverage
from plughub.storage import tables
from plughub.storage.lists.conditions import contains

_groups, _members, _roles = tables.groups.c, tables.user_group_map.c, tables.roles.c


_COUNT = select(func.count()).select_from(tables.user_group_map).where(_members.group_id == _groups.id)
_SUMMARY = select(_groups.id, _groups.name, _groups.properties, _COUNT.scalar_subquery().label("members"))


def group_page(connection: Connection, query: ListQuery) -> list[GroupSummary]:
    """Return a page of groups by name."""
    order = _groups.name.desc() if query.descending else _groups.name.asc()
    wanted = _matching(_SUMMARY, query).order_by(order)
    return _summaries(connection, wanted.offset(query.offset).limit(query.limit))


def find_group(connection: Connection, name: str) -> GroupSummary | None:
    """Return a group without its members; None if there is none."""
    return next(iter(_summaries(connection, _SUMMARY.where(_groups.name == name))), None)


def count_groups(connection: Connection, query: ListQuery) -> int:
    """Count the groups of all pages."""
    return int(connection.execute(_matching(select(func.count()), query)).scalar_one())


def group_names(connection: Connection, within: ScopeCoverage, limit: int) -> list[str]:
    """Return the names of groups in order."""
    wanted = _matching(select(_groups.name), ListQuery(within=within)).order_by(_groups.name)
    return list(connection.execute(wanted.limit(limit)).scalars())


def role_summaries(connection: Connection) -> list[RoleSummary]:
    """Return all roles by name, with the numbers of their holders."""
    held = tables.user_role_map.c
    counted = select(held.role_id, func.count().label("number")).group_by(held.role_id)
    users = {row.role_id: row.number for row in connection.execute(counted)}
    groups = _holders(connection, tables.groups, tables.group_role_map, "group_id")
    services = _holders(connection, tables.services, tables.service_role_map, "service_id")
    return [
        RoleSummary(
            name=row.name,
            description=row.description or "",
            scopes=tuple(row.scopes or ()),
            managed_by_auth=bool(row.managed_by_auth),
            users=users.get(row.id, 0),
            groups=tuple(groups[row.id]),
            services=tuple(services[row.id]),
        )
        for row in connection.execute(select(tables.roles).order_by(_roles.name))
    ]


def _summaries(connection: Connection, wanted: Select[Any]) -> list[GroupSummary]:
    rows = connection.execute(wanted).all()
    roles = _roles_of(connection, [row.id for row in rows])
    return [
        GroupSummary(
            id=row.id,
            name=row.name,
            members=row.members,
            roles=tuple(roles[row.id]),
            properties=row.properties or {},
        )
        for row in rows
    ]


def _holders(connection: Connection, holders: Any, held: Any, key: str) -> defaultdict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    query = (
        select(held.c.role_id, holders.c.name)
        .join(holders, holders.c.id == held.c[key])
        .order_by(holders.c.name)
    )
    for row in connection.execute(query):
        found[row.role_id].append(row.name)
    return found


def _roles_of(connection: Connection, group_ids: list[int]) -> defaultdict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    held = tables.group_role_map.c
    query = (
        select(held.group_id, _roles.name)
        .join(tables.roles, _roles.id == held.role_id)
        .where(held.group_id.in_(group_ids))
        .order_by(_roles.name)
    )
    for row in connection.execute(query) if group_ids else ():
        found[row.group_id].append(row.name)
    return found


def _matching(wanted: Select[Any], query: ListQuery) -> Select[Any]:
    wanted = wanted.select_from(tables.groups)
    if not query.within.everything:
        wanted = wanted.where(_groups.name.in_(query.within.groups))
    return wanted.where(contains(_groups.name, query.text)) if query.text else wanted
