"""Hub processes, leases, login links and stored facts."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from plughub.domain.hub_processes import HubProcess
from plughub.storage import tables
from plughub.storage.operations import Operations
from plughub.storage.statements import insert_into, insert_unless_there, upsert

_leases = tables.leases.c
_hubs = tables.hubs.c
_links = tables.login_links.c
_settings = tables.settings.c


@lru_cache
def _hold(dialect: str) -> Any:
    """Return a statement that takes or renews a lease, without a row if another process holds it."""
    statement = insert_into(dialect, tables.leases)
    new = statement.excluded
    free = (_leases.holder == new.holder) | (_leases.lease_until < bindparam("at"))
    return statement.on_conflict_do_update(
        index_elements=["name"], set_={"holder": new.holder, "lease_until": new.lease_until}, where=free
    ).returning(_leases.name)


class Leases:
    """Leases, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def acquire(self, name: str, holder: str, lease: float) -> bool:
        """Take or renew a lease of some seconds; False if another process holds it."""
        values = {"name": name, "holder": holder, "lease_until": self._now + lease}
        statement = _hold(self._connection.dialect.name)
        return self._connection.execute(statement, {**values, "at": self._now}).first() is not None

    def release(self, holder: str) -> None:
        """Release every lease of a holder."""
        self._connection.execute(delete(tables.leases).where(_leases.holder == holder))

    def holders(self) -> dict[str, str]:
        """Return the holder of each valid lease."""
        rows = self._connection.execute(select(tables.leases).where(_leases.lease_until >= self._now))
        return {row.name: row.holder for row in rows}


class HubProcesses:
    """Hub registry, on one connection."""

    def __init__(self, connection: Connection, operations: Operations, leases: Leases, now: float) -> None:
        self._connection = connection
        self._operations = operations
        self._leases = leases
        self._now = now

    def join(
        self,
        hub_id: str,
        *,
        host: str,
        pid: int,
        birth: float,
        url: str,
        backends: Collection[str] | None = None,
        space: str = "",
    ) -> None:
        """Register a process with its spawners (None if unknown) and the namespace of its process id."""
        upsert(
            self._connection,
            tables.hubs,
            {"id": hub_id},
            host=host,
            pid=pid,
            birth=birth,
            url=url,
            started=self._now,
            seen=self._now,
            backends=None if backends is None else list(backends),
            space=space,
        )

    def send_heartbeat(self, hub_id: str) -> bool:
        """Store a heartbeat; False if the process was declared dead and removed."""
        found = self._connection.execute(update(tables.hubs).where(_hubs.id == hub_id).values(seen=self._now))
        return found.rowcount == 1

    def leave(self, hub_id: str) -> None:
        """Remove a process and release its leases."""
        self._operations.release(hub_id)
        self._leases.release(hub_id)
        self._connection.execute(delete(tables.hubs).where(_hubs.id == hub_id))

    def list(self) -> list[HubProcess]:
        """List the processes, the oldest first."""
        rows = self._connection.execute(select(tables.hubs).order_by(_hubs.started))
        return [_read(row) for row in rows]


def _read(row: Row[Any]) -> HubProcess:
    return HubProcess(
        id=row.id,
        host=row.host,
        pid=row.pid,
        birth=row.birth,
        url=row.url,
        started=row.started,
        seen=row.seen,
        backends=None if row.backends is None else frozenset(row.backends),
        space=row.space or "",
    )


class LoginLinks:
    """One-time login links, on one connection."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, hashed: str, username: str, *, admin: bool, expires_at: float) -> None:
        """Store a link."""
        self._connection.execute(delete(tables.login_links).where(_links.expires_at < self._now))
        upsert(
            self._connection,
            tables.login_links,
            {"hashed": hashed},
            username=username,
            admin=admin,
            expires_at=expires_at,
        )

    def take(self, hashed: str) -> tuple[str, bool] | None:
        """Redeem a link: return username and admin status, or None if it is unknown, used or expired."""
        row = self._connection.execute(
            delete(tables.login_links)
            .where(_links.hashed == hashed, _links.expires_at >= self._now)
            .returning(_links.username, _links.admin)
        ).one_or_none()
        return (row.username, row.admin) if row is not None else None

    def revoke_all(self, username: str) -> None:
        """Delete the links of a user."""
        self._connection.execute(delete(tables.login_links).where(_links.username == username))


class Settings:
    """Stored facts by name, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> Any:
        """Return a fact, or None."""
        return self._connection.execute(
            select(_settings.value).where(_settings.name == name)
        ).scalar_one_or_none()

    def set(self, name: str, value: Any) -> None:
        """Store a fact."""
        upsert(self._connection, tables.settings, {"name": name}, value=value)

    def starting_with(self, prefix: str) -> dict[str, Any]:
        """Return the facts whose names begin with a prefix, by name."""
        wanted = select(tables.settings).where(_settings.name.startswith(prefix, autoescape=True))
        return {row.name: row.value for row in self._connection.execute(wanted)}

    def delete(self, name: str) -> None:
        """Delete a fact."""
        self._connection.execute(delete(tables.settings).where(_settings.name == name))

    def set_default(self, name: str, value: Any) -> Any:
        """Store a fact if there is none, and return the stored one."""
        insert_unless_there(self._connection, tables.settings, {"name": name}, value=value)
        return self.get(name)
