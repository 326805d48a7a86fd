"""Groups, their members and properties."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from plughub.domain.clock import utcnow
from plughub.domain.groups import Group
from plughub.domain.scopes import ScopeCoverage
from plughub.storage import tables
from plughub.storage.changes import Changes
from plughub.storage.effective_scopes import combine_scopes, scopes_of_groups
from plughub.storage.statements import insert_all_unless_there

_groups, _users, _members = tables.groups.c, tables.users.c, tables.user_group_map.c
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_GROUP = select(_groups.id, _groups.name, _groups.properties)
_MEMBERS = (
    select(_members.group_id, _users.name)
    .join(tables.users, _users.id == _members.user_id)
    .where(_members.group_id.in_(_KEYS))
    .order_by(_users.name)
)
_RIGHTS = scopes_of_groups(lambda column: column.in_(_KEYS))


class Groups:
    """Groups, on one connection."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    def get(self, name: str) -> Group | None:
        """Find a group."""
        return next(iter(self._complete(_GROUP.where(_groups.name == name))), None)

    def page(self, within: ScopeCoverage, offset: int, limit: int) -> list[Group]:
        """List a page of the groups in a coverage, by key."""
        wanted = _GROUP.where(*_within(within)).order_by(_groups.id)
        return self._complete(wanted.offset(offset).limit(limit))

    def count(self, within: ScopeCoverage) -> int:
        """Count the groups in a coverage."""
        counted = select(func.count()).select_from(tables.groups).where(*_within(within))
        return int(self._connection.execute(counted).scalar_one())

    def create(self, names: Sequence[str]) -> list[str]:
        """Store groups and return the names of the new ones."""
        rows = [{"name": name, "properties": {}} for name in dict.fromkeys(names)]
        created = insert_all_unless_there(self._connection, tables.groups, ["name"], rows, _groups.name)
        if created:
            self._changed("")
        return created

    def delete(self, name: str) -> None:
        """Delete a group."""
        self._connection.execute(delete(tables.groups).where(_groups.name == name))
        self._changed(name)

    def add_users(self, name: str, users: Collection[str]) -> None:
        """Add members; existing members stay."""
        group = select(_groups.id).where(_groups.name == name).scalar_subquery()
        members = select(_members.user_id).where(_members.group_id == group)
        new = select(_users.id, group).where(_users.name.in_(users), _users.id.not_in(members))
        self._connection.execute(insert(tables.user_group_map).from_select(["user_id", "group_id"], new))
        self._changed(name)

    def remove_users(self, name: str, users: Collection[str]) -> None:
        """Remove members."""
        group = select(_groups.id).where(_groups.name == name).scalar_subquery()
        of_users = _members.user_id.in_(select(_users.id).where(_users.name.in_(users)))
        self._connection.execute(delete(tables.user_group_map).where(_members.group_id == group, of_users))
        self._changed(name)

    def set_properties(self, name: str, properties: Mapping[str, Any]) -> None:
        """Replace the properties."""
        named = _groups.name == name
        self._connection.execute(update(tables.groups).where(named).values(properties=dict(properties)))

    def _complete(self, query: Select[Any]) -> list[Group]:
        rows = self._connection.execute(query).all()
        keys = [row.id for row in rows]
        users: defaultdict[int, list[str]] = defaultdict(list)
        rights: defaultdict[int, list[Row[Any]]] = defaultdict(list)
        for member in self._rows(_MEMBERS, keys):
            users[member.group_id].append(member.name)
        for right in self._rows(_RIGHTS, keys):
            rights[right.holder].append(right)
        given = {key: combine_scopes(rights[key]) for key in keys}
        return [
            Group(
                id=row.id,
                name=row.name,
                users=tuple(users[row.id]),
                roles=given[row.id].roles,
                scopes=given[row.id].scopes,
                properties=row.properties or {},
            )
            for row in rows
        ]

    def _rows(self, query: Select[Any] | CompoundSelect[Any], keys: Collection[int]) -> Iterable[Any]:
        return self._connection.execute(query, {"keys": keys, "now": utcnow()}) if keys else ()

    def _changed(self, name: str) -> None:
        self._changes.add("group", name)


def _within(coverage: ScopeCoverage) -> list[ColumnElement[bool]]:
    return [literal(value=True)] if coverage.everything else [_groups.name.in_(coverage.groups)]
