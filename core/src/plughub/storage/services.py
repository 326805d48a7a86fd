"""Services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, delete, select

from plughub.domain.scopes import Reach
from plughub.domain.services import Service, ServiceDeclaration
from plughub.storage import tables
from plughub.storage.changes import Changes
from plughub.storage.sql import upsert

_services, _roles, _held = tables.services.c, tables.roles.c, tables.service_role_map.c


class Services:
    """Services, on one connection."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    def get(self, name: str) -> Service | None:
        """Find a service."""
        return next(iter(self._all(_services.name == name)), None)

    def within(self, reach: Reach) -> list[Service]:
        """List the services in a reach by name."""
        return self._all(*([] if reach.everything else [_services.name.in_(reach.services)]))

    def save(self, service: ServiceDeclaration) -> Service:
        """Store a service of the configuration, or bring it up to date."""
        upsert(
            self._connection,
            tables.services,
            {"name": service.name},
            url=service.url or None,
            admin=service.admin,
            info=dict(service.info),
            display=service.display,
            timeout=30,
            from_config=True,
        )
        stored = self.get(service.name)
        assert stored is not None
        return stored

    def keep_only(self, names: Collection[str]) -> list[str]:
        """Delete the other services of the configuration; answers their names."""
        others = (_services.name.not_in(names), _services.from_config.is_(True))
        gone = list(self._connection.execute(select(_services.name).where(*others)).scalars())
        if gone:
            self._connection.execute(delete(tables.services).where(*others))
            for name in gone:
                self._changes.add("service", name)
        return gone

    def token_ids(self, service_id: int) -> list[int]:
        """List the keys of the tokens of a service."""
        theirs = select(tables.api_tokens.c.id).where(tables.api_tokens.c.service_id == service_id)
        return list(self._connection.execute(theirs).scalars())

    def _all(self, *conditions: ColumnElement[bool]) -> list[Service]:
        rows = self._connection.execute(
            select(tables.services).where(*conditions).order_by(_services.name)
        ).all()
        roles: defaultdict[int, list[str]] = defaultdict(list)
        scopes: defaultdict[int, set[str]] = defaultdict(set)
        held = (
            select(_held.service_id, _roles.name, _roles.scopes)
            .join(tables.roles, _roles.id == _held.role_id)
            .where(_held.service_id.in_([row.id for row in rows]))
            .order_by(_roles.name)
        )
        for row in self._connection.execute(held) if rows else ():
            roles[row.service_id].append(row.name)
            scopes[row.service_id].update(row.scopes or ())
        return [
            Service(
                id=row.id,
                name=row.name,
                url=row.url or "",
                admin=bool(row.admin),
                info=row.info or {},
                display=row.display is not False,
                roles=tuple(roles[row.id]),
                scopes=frozenset(scopes[row.id]),
            )
            for row in rows
        ]
