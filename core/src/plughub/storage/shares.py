"""Queries for shares of servers and for share codes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from plughub.domain.clock import utcnow
from plughub.domain.servers import ServerRecord, Status
from plughub.domain.shares import GranteeKind, Share, ShareCode, ShareQuery, bound_scopes
from plughub.storage import tables
from plughub.storage.changes import Changes

_shares, _codes = tables.shares.c, tables.share_codes.c
_spawners, _groups = tables.spawners.c, tables.groups.c
_owners, _grantees = tables.users.alias("owners"), tables.users.alias("grantees")
_READY = and_(
    tables.server_life.c.status == Status.RUNNING.value,
    tables.server_life.c.unreachable == "",
    tables.operations.c.id.is_(None),
).label("ready")


def _with_server(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(
            table,
            _owners.c.name.label("owner"),
            func.coalesce(_spawners.name, "").label("server"),
            _READY,
            *columns,
        )
        .join(tables.spawners, _spawners.id == table.c.spawner_id)
        .join(_owners, _owners.c.id == _spawners.user_id)
        .outerjoin(tables.server_life, tables.server_life.c.spawner_id == _spawners.id)
        .outerjoin(
            tables.operations,
            and_(tables.operations.c.spawner_id == _spawners.id, tables.operations.c.finished.is_(None)),
        )
    )


_SHARE = (
    _with_server(tables.shares, _grantees.c.name.label("user"), _groups.name.label("group"))
    .outerjoin(_grantees, _grantees.c.id == _shares.user_id)
    .outerjoin(tables.groups, _groups.id == _shares.group_id)
)
_CODE = _with_server(tables.share_codes)
_CODES_BY_PREFIX = _CODE.where(
    _codes.prefix == bindparam("prefix"),
    or_(_codes.expires_at.is_(None), _codes.expires_at > bindparam("now")),
)


class Shares:
    """Shares and codes, on one connection."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    # ---- shares

    def page(self, query: ShareQuery, offset: int, limit: int) -> list[Share]:
        """List a page of shares, by key."""
        wanted = _SHARE.where(*_conditions(tables.shares, query)).order_by(_shares.id)
        return [_share(row) for row in self._connection.execute(wanted.offset(offset).limit(limit))]

    def count(self, query: ShareQuery) -> int:
        """Count the shares of all pages."""
        return self._count(tables.shares, query)

    def find(self, server_id: int, kind: GranteeKind, grantee_id: int) -> Share | None:
        """Return the share of a server with a user or group."""
        found = _SHARE.where(*_of(server_id, kind, grantee_id), _good(tables.shares)).order_by(_shares.id)
        row = self._connection.execute(found.limit(1)).one_or_none()
        return _share(row) if row is not None else None

    def grant(
        self, server: ServerRecord, kind: GranteeKind, grantee_id: int, scopes: Collection[str]
    ) -> Share:
        """Grant scopes to a user or group, in addition to those that they already have."""
        known = self.find(server.id, kind, grantee_id)
        if known is None:
            self._connection.execute(
                insert(tables.shares).values(
                    owner_id=server.user_id,
                    spawner_id=server.id,
                    scopes=sorted(scopes),
                    created_at=utcnow(),
                    **{f"{kind}_id": grantee_id},
                )
            )
        elif set(scopes) - known.scopes:
            self._rewrite(known, known.scopes | set(scopes))
        share = self.find(server.id, kind, grantee_id)
        assert share is not None
        self._changed(kind, grantee_id, share.grantee)
        self._changes.add_server(server.id)
        return share

    def revoke(
        self, server_id: int, kind: GranteeKind, grantee_id: int, scopes: Collection[str] = ()
    ) -> Share | None:
        """Revoke scopes, all if none are given, and return the remaining share."""
        known = self.find(server_id, kind, grantee_id)
        if known is None:
            return None
        remaining = known.scopes - set(scopes) if scopes else frozenset[str]()
        if remaining:
            self._rewrite(known, remaining)
        else:
            self._connection.execute(delete(tables.shares).where(*_of(server_id, kind, grantee_id)))
        self._changed(kind, grantee_id, known.grantee)
        self._changes.add_server(server_id)
        return self.find(server_id, kind, grantee_id)

    def revoke_all(self, server_id: int) -> int:
        """Revoke all shares of a server and return their number."""
        deleted = self._connection.execute(
            delete(tables.shares).where(_shares.spawner_id == server_id)
        ).rowcount
        if deleted:
            self._changes.add("share", str(server_id))
            self._changes.add_server(server_id)
        return deleted

    # ---- codes

    def add_code(
        self, server: ServerRecord, *, hashed: str, prefix: str, scopes: Collection[str], expires_at: datetime
    ) -> ShareCode:
        """Store a code."""
        key: int = self._connection.execute(
            insert(tables.share_codes)
            .values(
                hashed=hashed,
                prefix=prefix,
                owner_id=server.user_id,
                spawner_id=server.id,
                scopes=sorted(scopes),
                created_at=utcnow(),
                expires_at=expires_at,
                exchange_count=0,
            )
            .returning(_codes.id)
        ).scalar_one()
        return _code(self._connection.execute(_CODE.where(_codes.id == key)).one())

    def codes(self, query: ShareQuery, offset: int, limit: int) -> list[ShareCode]:
        """List a page of valid codes, by key."""
        wanted = _CODE.where(*_conditions(tables.share_codes, query)).order_by(_codes.id)
        return [_code(row) for row in self._connection.execute(wanted.offset(offset).limit(limit))]

    def count_codes(self, query: ShareQuery) -> int:
        """Count the codes of all pages."""
        return self._count(tables.share_codes, query)

    def code_candidates(self, prefix: str) -> list[tuple[str, int, ShareCode]]:
        """List hash, key of the server and record of the valid codes with a prefix."""
        rows = self._connection.execute(_CODES_BY_PREFIX, {"prefix": prefix, "now": utcnow()}).all()
        return [(row.hashed, row.spawner_id, _code(row)) for row in rows]

    def delete_code(self, server_id: int, code_id: int) -> bool:
        """Delete a code of a server; False if there is none."""
        of_server = (_codes.id == code_id, _codes.spawner_id == server_id)
        return self._connection.execute(delete(tables.share_codes).where(*of_server)).rowcount > 0

    def delete_codes(self, server_id: int) -> int:
        """Delete the codes of a server and return their number."""
        return self._connection.execute(
            delete(tables.share_codes).where(_codes.spawner_id == server_id)
        ).rowcount

    def record_exchange(self, code_id: int) -> bool:
        """Store a use of a code; False if it was deleted since it was read."""
        count = func.coalesce(_codes.exchange_count, 0) + 1
        used = update(tables.share_codes).where(_codes.id == code_id)
        updated = self._connection.execute(used.values(exchange_count=count, last_exchanged_at=utcnow()))
        return updated.rowcount == 1

    def purge(self) -> int:
        """Delete expired shares and codes and return their number."""
        deleted = [
            self._connection.execute(delete(table).where(table.c.expires_at <= utcnow())).rowcount
            for table in (tables.shares, tables.share_codes)
        ]
        return sum(deleted)

    # ----

    def _count(self, table: Table, query: ShareQuery) -> int:
        counted = select(func.count()).select_from(table).where(*_conditions(table, query))
        return int(self._connection.execute(counted).scalar_one())

    def _rewrite(self, share: Share, scopes: Collection[str]) -> None:
        self._connection.execute(
            update(tables.shares).where(_shares.id == share.id).values(scopes=sorted(scopes))
        )

    def _changed(self, kind: GranteeKind, grantee_id: int, name: str) -> None:
        self._changes.add(kind, str(grantee_id) if kind == "user" else name)


def invalidate_share_holders(connection: Connection, changes: Changes, *which: ColumnElement[bool]) -> None:
    """Invalidate the cached scopes of all users if any share matches.

    Args:
        connection: connection of the transaction.
        changes: the change feed.
        which: conditions on the shares.
    """
    first = connection.execute(select(_shares.id).where(*which).limit(1)).scalar_one_or_none()
    if first is not None:
        changes.add("share", str(first))


def _of(server_id: int, kind: GranteeKind, grantee_id: int) -> tuple[ColumnElement[bool], ...]:
    return (_shares.spawner_id == server_id, _shares[f"{kind}_id"] == grantee_id)


def _good(table: Table) -> ColumnElement[bool]:
    return or_(table.c.expires_at.is_(None), table.c.expires_at > utcnow())


def _conditions(table: Table, query: ShareQuery) -> list[ColumnElement[bool]]:
    wanted = [_good(table)]
    for column, key in (("owner_id", query.owner), ("spawner_id", query.server), ("group_id", query.group)):
        if key is not None:
            wanted.append(table.c[column] == key)
    if query.user is not None:
        of_user = table.c.user_id == query.user
        members = tables.user_group_map.c
        groups = select(members.group_id).where(members.user_id == query.user)
        wanted.append(or_(of_user, table.c.group_id.in_(groups)) if query.groups_too else of_user)
    return wanted


def _share(row: Row[Any]) -> Share:
    by_group = row.group_id is not None
    return Share(
        id=row.id,
        owner=row.owner,
        server=row.server,
        kind="group" if by_group else "user",
        grantee=(row.group if by_group else row.user) or "",
        scopes=bound_scopes(row.scopes or (), row.owner, row.server),
        created=row.created_at,
        ready=bool(row.ready),
    )


def _code(row: Row[Any]) -> ShareCode:
    return ShareCode(
        id=row.id,
        owner=row.owner,
        server=row.server,
        scopes=bound_scopes(row.scopes or (), row.owner, row.server),
        created=row.created_at,
        expires=row.expires_at,
        exchanges=row.exchange_count or 0,
        last_exchange=row.last_exchanged_at,
        ready=bool(row.ready),
    )
