"""Queries for the audit log."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, insert, select

from plughub.domain.audit import AuditEntry, AuditQuery
from plughub.storage.audit_table import audit

_line = audit.c
_ADD = insert(audit)
_NEXT_KIND = select(func.min(_line.kind)).where(_line.kind > bindparam("after"))
_PURGE = delete(audit).where(_line.at < bindparam("before"))


class Audit:
    """Audit log, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entries: Collection[AuditEntry]) -> None:
        """Store entries."""
        if entries:
            self._connection.execute(_ADD, [_row(entry) for entry in entries])

    def page(self, query: AuditQuery, offset: int, limit: int) -> list[AuditEntry]:
        """List a page of entries, newest first."""
        wanted = select(audit).where(*_conditions(query)).order_by(_line.id.desc())
        return [_entry(row) for row in self._connection.execute(wanted.offset(offset).limit(limit))]

    def count(self, query: AuditQuery) -> int:
        """Count the entries of all pages."""
        counted = select(func.count()).select_from(audit).where(*_conditions(query))
        return int(self._connection.execute(counted).scalar_one())

    def kinds(self) -> list[str]:
        """List the kinds of the stored entries."""
        # One step of the index for each kind, not for each entry.
        kinds: list[str] = []
        while kind := self._connection.execute(_NEXT_KIND, {"after": kinds[-1] if kinds else ""}).scalar():
            kinds.append(kind)
        return kinds

    def purge(self, before: datetime) -> int:
        """Delete entries before a time and return their number."""
        return self._connection.execute(_PURGE, {"before": before}).rowcount


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    equal = {_line.username: query.user, _line.actor: query.actor, _line.kind: query.kind}
    conditions = [column == value for column, value in equal.items() if value]
    if query.since is not None:
        conditions.append(_line.at >= query.since)
    if query.until is not None:
        conditions.append(_line.at < query.until)
    if query.before:
        conditions.append(_line.id < query.before)
    return conditions


def _row(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "kind": entry.kind,
        "actor": entry.actor,
        "username": entry.user,
        "server": entry.server,
        "remote_ip": entry.remote_ip,
        "token_id": entry.token_id,
        "detail": dict(entry.detail),
    }


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        kind=row.kind,
        actor=row.actor,
        user=row.username,
        server=row.server,
        remote_ip=row.remote_ip,
        token_id=row.token_id,
        detail=row.detail or {},
    )
