"""Locations of all active servers, read with only the columns that routes depend on."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, select

from plughub.domain.routes import ServerLocation
from plughub.domain.servers import Phase, Status
from plughub.domain.urls import address_of, host_in_url
from plughub.storage import tables
from plughub.storage.active_servers import ACTIVE_KEYS

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
    .where(_spawners.id.in_(ACTIVE_KEYS))
)


def active_places(connection: Connection) -> list[ServerLocation]:
    """List the locations of servers that run or have an operation in progress."""
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
    """Join the stored parts of the address of a server.

    Args:
        proto: scheme; None for http.
        ip: address; None for 127.0.0.1.
        port: port; None for a server without an address.

    Returns:
        A URL without a path; empty without a port.
    """
    if port is None:
        return ""
    return f"{proto or 'http'}://{host_in_url(ip or '127.0.0.1')}:{port}"


def split_address(url: str, prefix: str) -> dict[str, Any]:
    """Split the address of a server into the columns of its row.

    Args:
        url: ``http://address:port``.
        prefix: path of the server; not stored if it is too long for the column.

    Raises:
        InvalidError: the URL is not such an address.
    """
    proto, ip, port = address_of(url)
    stored = prefix if len(prefix) <= _LONGEST else ""
    return {"proto": proto, "ip": ip, "port": port, "base_url": stored or None}
