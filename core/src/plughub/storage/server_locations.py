"""Where the active servers are: the few columns that routes depend on, for all servers at once."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, func, or_, select

from plughub.domain.routes import ServerLocation
from plughub.domain.servers import Phase, Status
from plughub.domain.urls import address_of, host_in_url
from plughub.storage import tables

_life = tables.server_life.c
_spawners = tables.spawners.c
_address = tables.servers.c
_ops = tables.operations.c
_LONGEST: Final = 255
_ACTIVE: Final = (
    select(
        tables.users.c.name.label("user"),
        _spawners.name,
        _life.status,
        _life.unreachable,
        _life.host,
        _address.proto,
        _address.ip,
        _address.port,
        _address.base_url,
        _ops.phase,
    )
    .join(tables.users, tables.users.c.id == _spawners.user_id)
    .outerjoin(tables.server_life, _life.spawner_id == _spawners.id)
    .outerjoin(tables.servers, _address.id == _spawners.server_id)
    .outerjoin(tables.operations, (_ops.spawner_id == _spawners.id) & _ops.finished.is_(None))
    .where(
        or_(
            func.coalesce(_life.status, Status.STOPPED.value) != Status.STOPPED.value,
            _ops.id.is_not(None),
        )
    )
)


def active_places(connection: Connection) -> list[ServerLocation]:
    """List where the active servers are.

    Args:
        connection: where.

    Returns:
        One place for each server that runs or to which something is being done.
    """
    places = []
    for user, name, status, unreachable, host, proto, ip, port, prefix, phase in connection.execute(_ACTIVE):
        url = join_address(proto, ip, port)
        stands = phase == Phase.ROUTE if phase is not None else status == Status.RUNNING
        place = ServerLocation(
            user=user,
            name=name or "",
            url=url,
            host=host or "",
            prefix=prefix or "",
            busy=phase is not None,
            routed=bool(url) and stands and not unreachable,
        )
        places.append(place)
    return places


def join_address(proto: str | None, ip: str | None, port: int | None) -> str:
    """Put the address of a server together.

    Args:
        proto: scheme; http when not stored.
        ip: address; 127.0.0.1 when not stored.
        port: port; None for none.

    Returns:
        A URL without a path; empty without a port.
    """
    if port is None:
        return ""
    return f"{proto or 'http'}://{host_in_url(ip or '127.0.0.1')}:{port}"


def split_address(url: str, prefix: str) -> dict[str, Any]:
    """Take the address of a server apart, for its row.

    Args:
        url: ``http://address:port``.
        prefix: the path below which it answers; one that is too long for the column is not stored.

    Returns:
        The columns.

    Raises:
        InvalidError: the URL is no such address.
    """
    proto, ip, port = address_of(url)
    stored = prefix if len(prefix) <= _LONGEST else ""
    return {"proto": proto, "ip": ip, "port": port, "base_url": stored or None}
