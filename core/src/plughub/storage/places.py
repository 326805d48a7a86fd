"""Where the active servers are: the few columns that routes depend on, for all servers at once."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, func, or_, select

from plughub.domain.routes import Place
from plughub.domain.servers import Phase, Status
from plughub.storage import tables

_life = tables.server_life.c
_spawners = tables.spawners.c
_address = tables.servers.c
_ops = tables.operations.c
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


def active_places(connection: Connection) -> list[Place]:
    """List where the active servers are.

    Args:
        connection: where.

    Returns:
        One place for each server that runs or to which something is being done.
    """
    places = []
    for user, name, status, unreachable, host, proto, ip, port, phase in connection.execute(_ACTIVE):
        url = join_address(proto, ip, port)
        stands = phase == Phase.ROUTE if phase is not None else status == Status.RUNNING
        routed = bool(url) and stands and not unreachable
        busy = phase is not None
        places.append(Place(user=user, name=name or "", url=url, host=host or "", busy=busy, routed=routed))
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
    host = ip or "127.0.0.1"
    return f"{proto or 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
