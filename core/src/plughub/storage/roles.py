"""Queries for roles and their holders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, insert, literal, select, update

from plughub.domain.roles import HolderKind, Role
from plughub.storage import tables
from plughub.storage.changes import Changes
from plughub.storage.compiled_query import CompiledQuery
from plughub.storage.statements import insert_unless_there

_roles = tables.roles.c
_HOLDERS: Final[Mapping[HolderKind, tuple[Table, Table]]] = {
    "user": (tables.users, tables.user_role_map),
    "group": (tables.groups, tables.group_role_map),
    "service": (tables.services, tables.service_role_map),
}
"""Table of the holders, and table of their roles."""
_ALL = CompiledQuery(select(tables.roles).order_by(_roles.name))


class Roles:
    """Roles, on one connection."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    def ensure(self, roles: Iterable[Role]) -> None:
        """Store missing roles and update the others."""
        stored = {row.name: row for row in self._connection.execute(select(tables.roles))}
        for role in roles:
            values = {"description": role.description, "scopes": list(role.scopes)}
            if role.name not in stored:
                managed = role.managed_by_auth
                insert_unless_there(
                    self._connection, tables.roles, {"name": role.name}, managed_by_auth=managed, **values
                )
            elif any(getattr(stored[role.name], name) != value for name, value in values.items()):
                self._connection.execute(
                    update(tables.roles).where(tables.roles.c.name == role.name).values(**values)
                )
                self._changed([role.name])

    def add_missing(self, roles: Iterable[Role]) -> None:
        """Store missing roles and leave the others unchanged."""
        stored = set(self._connection.execute(select(_roles.name)).scalars())
        self.ensure(role for role in roles if role.name not in stored)

    def all(self) -> list[Role]:
        """List the roles by name."""
        return [_role(row) for row in _ALL.all(self._connection)]

    def get(self, name: str) -> Role | None:
        """Find a role."""
        row = self._connection.execute(select(tables.roles).where(_roles.name == name)).one_or_none()
        return None if row is None else _role(row)

    def drop_managed(self, *, except_for: Collection[str]) -> list[str]:
        """Delete the roles that authenticators manage, except some, and return their names."""
        return self._drop(_roles.name.not_in(except_for), _roles.managed_by_auth.is_(True))

    def managed_of_user(self, user_id: int) -> frozenset[str]:
        """Return the names of the roles that an authenticator assigned to a user."""
        held = tables.user_role_map.c
        found = (
            select(_roles.name)
            .join(tables.user_role_map, held.role_id == _roles.id)
            .where(held.user_id == user_id, held.managed_by_auth.is_(True))
        )
        return frozenset(self._connection.execute(found).scalars())

    def keep_only(self, names: Collection[str]) -> list[str]:
        """Delete all roles except some and those that authenticators manage; return their names."""
        return self._drop(_roles.name.not_in(names), _roles.managed_by_auth.is_(False))

    def grant(self, role: str, kind: HolderKind, names: Collection[str], *, managed: bool = False) -> None:
        """Grant a role to users, groups or services; ``managed`` marks it as assigned by an authenticator."""
        new = sorted(set(names) - self.holders(role, kind))
        if not new:
            return
        holders, held = _HOLDERS[kind]
        key = select(_roles.id).where(_roles.name == role).scalar_subquery()
        rows = select(holders.c.id, key, literal(value=managed)).where(holders.c.name.in_(new))
        columns = [f"{kind}_id", "role_id", "managed_by_auth"]
        self._connection.execute(insert(held).from_select(columns, rows))
        self._changed([role])

    def revoke(self, role: str, kind: HolderKind, names: Collection[str]) -> None:
        """Revoke a role from users, groups or services."""
        holders, held = _HOLDERS[kind]
        of_holders = held.c[f"{kind}_id"].in_(select(holders.c.id).where(holders.c.name.in_(names)))
        key = select(_roles.id).where(_roles.name == role).scalar_subquery()
        if self._connection.execute(delete(held).where(of_holders, held.c.role_id == key)).rowcount:
            self._changed([role])

    def holders(self, role: str, kind: HolderKind, *, managed: bool | None = None) -> frozenset[str]:
        """Return the direct holders of a role; ``managed`` filters by assignment by an authenticator."""
        holders, held = _HOLDERS[kind]
        found = (
            select(holders.c.name)
            .join(held, held.c[f"{kind}_id"] == holders.c.id)
            .join(tables.roles, _roles.id == held.c.role_id)
            .where(_roles.name == role)
        )
        if managed is not None:
            found = found.where(held.c.managed_by_auth.is_(managed))
        return frozenset(self._connection.execute(found).scalars())

    def users_without_roles(self) -> list[str]:
        """Return the names of the users without a role of their own."""
        held = tables.user_role_map.c.user_id
        found = select(tables.users.c.name).where(tables.users.c.id.not_in(select(held)))
        return list(self._connection.execute(found.order_by(tables.users.c.name)).scalars())

    def _drop(self, *which: ColumnElement[bool]) -> list[str]:
        deleted = list(self._connection.execute(select(_roles.name).where(*which)).scalars())
        if deleted:
            self._connection.execute(delete(tables.roles).where(*which))
            self._changed(deleted)
        return deleted

    def _changed(self, names: Iterable[str]) -> None:
        for name in names:
            self._changes.add("role", name)


def _role(row: Row[Any]) -> Role:
    return Role(
        name=row.name,
        description=row.description or "",
        scopes=tuple(row.scopes or ()),
        managed_by_auth=bool(row.managed_by_auth),
    )
