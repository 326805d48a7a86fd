"""Queries for services and their running state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, select, update

from plughub.domain.scopes import ScopeCoverage
from plughub.domain.services import Service, ServiceDeclaration, ServiceLife
from plughub.storage import tables
from plughub.storage.changes import Changes
from plughub.storage.statements import insert_unless_there, upsert

_services, _roles, _held = tables.services.c, tables.roles.c, tables.service_role_map.c
_lives = tables.service_lives.c

_SERVICE = (
    select(tables.services, _lives.pid.label("process"), _lives.host)
    .outerjoin(tables.service_lives, _lives.name == _services.name)
    .order_by(_services.name)
)
_WEB = _SERVICE.where(_services.url.is_not(None), _services.url != "")
_AWAKE = select(_lives.name).where(_lives.routed.is_(True))


class Services:
    """Services, on one connection."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    def get(self, name: str) -> Service | None:
        """Find a service."""
        return next(iter(self._all(_services.name == name)), None)

    def within(self, coverage: ScopeCoverage) -> list[Service]:
        """List the services in a coverage, by name."""
        return self._all(*([] if coverage.everything else [_services.name.in_(coverage.services)]))

    def save(self, service: ServiceDeclaration) -> Service:
        """Store or update a service, without its tokens and its OAuth client."""
        upsert(
            self._connection,
            tables.services,
            {"name": service.name},
            url=service.url or None,
            admin=service.admin,
            oauth_client_allowed_scopes=list(service.oauth_scopes),
            info=dict(service.info),
            display=service.display,
            oauth_no_confirm=service.oauth_no_confirm,
            command=list(service.command),
            cwd=service.cwd or None,
            user=service.user or None,
            timeout=service.timeout,
            from_config=service.from_config,
        )
        self._changes.add("service", service.name)
        stored = self.get(service.name)
        assert stored is not None
        return stored

    def set_client(self, service_id: int, client_id: str) -> None:
        """Store the OAuth client of a service; empty for none."""
        statement = update(tables.services).where(_services.id == service_id)
        self._connection.execute(statement.values(oauth_client_id=client_id or None))

    def delete(self, name: str) -> None:
        """Delete a service with its tokens."""
        self._connection.execute(delete(tables.services).where(_services.name == name))
        self._changes.add("service", name)

    def others(self, names: Collection[str]) -> list[Service]:
        """List the services of the configuration, except those with these names."""
        return self._all(_services.name.not_in(names), _services.from_config.is_(True))

    def routed(self) -> list[Service]:
        """List the services with routes: external ones, and managed ones after their first answer."""
        web = self._with_roles(_WEB)
        if not web:
            return []
        names = set(self._connection.execute(_AWAKE).scalars())
        return [service for service in web if not service.command or service.name in names]

    def token_ids(self, service_id: int) -> list[int]:
        """List the keys of the tokens of a service."""
        token_ids = select(tables.api_tokens.c.id).where(tables.api_tokens.c.service_id == service_id)
        return list(self._connection.execute(token_ids).scalars())

    def _all(self, *conditions: ColumnElement[bool]) -> list[Service]:
        return self._with_roles(_SERVICE.where(*conditions))

    def _with_roles(self, wanted: Select[Any]) -> list[Service]:
        rows = self._connection.execute(wanted).all()
        if not rows:
            return []
        roles: defaultdict[int, list[str]] = defaultdict(list)
        scopes: defaultdict[int, set[str]] = defaultdict(set)
        held = (
            select(_held.service_id, _roles.name, _roles.scopes)
            .join(tables.roles, _roles.id == _held.role_id)
            .where(_held.service_id.in_([row.id for row in rows]))
            .order_by(_roles.name)
        )
        for row in self._connection.execute(held):
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
                command=tuple(row.command or ()),
                timeout=row.timeout,
                pid=row.process,
                host=(row.host or "") if row.command else "",
                from_config=row.from_config is not False,
                oauth_client_id=row.oauth_client_id or "",
            )
            for row in rows
        ]


class ServiceLives:
    """State of services that run or should run, on one connection."""

    def __init__(self, connection: Connection, changes: Changes, now: float) -> None:
        self._connection = connection
        self._changes = changes
        self._now = now

    def all(self) -> list[ServiceLife]:
        """List the states by name."""
        rows = self._connection.execute(select(tables.service_lives).order_by(_lives.name))
        return [ServiceLife(**row._mapping) for row in rows]  # noqa: SLF001 - public in SQLAlchemy

    def record_launch(self, name: str, *, host: str, launch: str, digest: str) -> None:
        """Store the start of a service, before it has external effects."""
        upsert(
            self._connection,
            tables.service_lives,
            {"name": name},
            host=host,
            launch=launch,
            digest=digest,
            pid=None,
            started="",
            since=self._now,
            answers=None,
            routed=False,
        )
        self._changes.add("service", name)

    def record_process(self, name: str, launch: str, pid: int, started: str) -> bool:
        """Store the process of a start; False if the service was started again."""
        statement = update(tables.service_lives).where(_lives.name == name, _lives.launch == launch)
        return self._connection.execute(statement.values(pid=pid, started=started)).rowcount == 1

    def request_restart(self, name: str) -> None:
        """Make a service differ from its configuration, so that it is restarted, or started at once."""
        insert_unless_there(self._connection, tables.service_lives, {"name": name})
        self._connection.execute(update(tables.service_lives).where(_lives.name == name).values(digest=""))

    def mark_ended(self, name: str, launch: str) -> None:
        """Store that nothing is left of a start."""
        statement = update(tables.service_lives).where(_lives.name == name, _lives.launch == launch)
        if self._connection.execute(statement.values(launch="", pid=None, started="")).rowcount:
            self._changes.add("service", name)

    def record_answer(self, name: str, launch: str, *, is_healthy: bool) -> bool:
        """Store whether a service answered; its first answer gives it a route.

        Args:
            name: the service.
            launch: id of its start; empty for an external service.
            is_healthy: whether it answered.

        Returns:
            False, with nothing stored, if it was started again.
        """
        if not launch:
            insert_unless_there(self._connection, tables.service_lives, {"name": name})
        statement = update(tables.service_lives).where(_lives.name == name, _lives.launch == launch)
        values = {"answers": is_healthy, "routed": True} if is_healthy else {"answers": is_healthy}
        if self._connection.execute(statement.values(values)).rowcount != 1:
            return False
        self._changes.add("service", name)
        return True

    def withdraw_route(self, name: str, launch: str) -> None:
        """Remove the route of a service until it answers again, unless it was started again."""
        statement = update(tables.service_lives).where(
            _lives.name == name, _lives.launch == launch, _lives.routed.is_(True)
        )
        if self._connection.execute(statement.values(routed=False, answers=False)).rowcount:
            self._changes.add("service", name)

    def forget(self, name: str, launch: str) -> None:
        """Delete the state of a service, unless it was started again."""
        statement = delete(tables.service_lives).where(_lives.name == name, _lives.launch == launch)
        if self._connection.execute(statement).rowcount:
            self._changes.add("service", name)
