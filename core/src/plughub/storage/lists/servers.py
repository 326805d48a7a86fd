"""List of servers."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from plughub.domain.lists import ServerFilter, ServerQuery
from plughub.domain.servers import Status
from plughub.storage import tables
from plughub.storage.active_servers import ACTIVE_KEYS, IS_ACTIVE
from plughub.storage.lists.conditions import contains, servers_within
from plughub.storage.operation_queue import OPEN

_users, _spawners, _life, _ops = (
    tables.users.c,
    tables.spawners.c,
    tables.server_life.c,
    tables.operations.c,
)
_PENDING = _ops.id.is_not(None)
_STATES: Final[dict[ServerFilter, ColumnElement[bool]]] = {
    ServerFilter.ACTIVE: _spawners.id.in_(ACTIVE_KEYS),
    ServerFilter.RUNNING: and_(_life.status == Status.RUNNING.value, ~_PENDING),
    ServerFilter.PENDING: _PENDING,
    ServerFilter.FAILED: and_(~IS_ACTIVE, _life.failure.is_not(None)),
    ServerFilter.TROUBLED: or_(
        _life.unknown != "", _life.unreachable != "", func.coalesce(_ops.trouble, "") != ""
    ),
    ServerFilter.STOPPED: ~IS_ACTIVE,
}
_ORDERS: Final = {"user": _users.name, "last_activity": _spawners.last_activity, "started": _spawners.started}


def server_keys(connection: Connection, query: ServerQuery) -> list[int]:
    """Return the keys of the servers of a page, in order."""
    column: ColumnElement[Any] = _ORDERS.get(query.sort, _users.name)
    ordered = column.desc().nulls_last() if query.descending else column.asc().nulls_first()
    wanted = _matching(select(_spawners.id), query).order_by(ordered, _users.name, _spawners.name)
    return list(connection.execute(wanted.offset(query.offset).limit(query.limit)).scalars())


def count_servers(connection: Connection, query: ServerQuery) -> int:
    """Count the servers of all pages."""
    return int(connection.execute(_matching(select(func.count()), query)).scalar_one())


def _matching(wanted: Select[Any], query: ServerQuery) -> Select[Any]:
    conditions = servers_within(query.within)
    if query.state is not None:
        conditions.append(_STATES[query.state])
    if query.backend:
        conditions.append(_life.backend == query.backend)
    if query.text:
        named = (_users.name, _spawners.name, _spawners.display_name)
        conditions.append(or_(*(contains(column, query.text) for column in named)))
    return (
        wanted.select_from(tables.spawners)
        .join(tables.users, _users.id == _spawners.user_id)
        .outerjoin(tables.server_life, _life.spawner_id == _spawners.id)
        .outerjoin(tables.operations, and_(_ops.spawner_id == _spawners.id, OPEN))
        .where(*conditions)
    )
