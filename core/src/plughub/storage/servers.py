"""Queries for servers and their desired and observed states."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, or_, select, update

from plughub.domain.routes import ServerLocation
from plughub.domain.servers import Failure, Phase, ServerRecord, Status
from plughub.storage import tables
from plughub.storage.active_servers import ACTIVE_KEYS, IS_ACTIVE
from plughub.storage.changes import SERVER, Changes
from plughub.storage.compiled_query import CompiledQuery, CompiledWrite, is_one_of
from plughub.storage.failures import pack_failure, unpack_failure
from plughub.storage.operation_queue import OPEN, read_operation
from plughub.storage.operations import Operations
from plughub.storage.server_locations import active_places, join_address, split_address
from plughub.storage.shares import invalidate_share_holders
from plughub.storage.statements import insert_into, upsert

OPERATION: Final = "op_"
"""Prefix of the columns of the operation in the same row."""
_REASON: Final = 1000
_TITLE: Final = 255

_life = tables.server_life.c
_spawners = tables.spawners.c
# One statement for a server and its operation, because two statements could see different moments.
_SERVER = (
    select(
        tables.spawners,
        tables.users.c.name.label("user"),
        _life.backend,
        _life.host,
        _life.desired,
        _life.status,
        _life.launch,
        _life.failure,
        _life.unknown,
        _life.unreachable,
        _life.profile,
        _life.ends_at,
        _life.stop_at,
        _life.stop_reason,
        tables.servers.c.proto,
        tables.servers.c.ip,
        tables.servers.c.port,
        tables.servers.c.base_url,
        *(column.label(f"{OPERATION}{column.name}") for column in tables.operations.c),
    )
    .join(tables.users, tables.users.c.id == _spawners.user_id)
    .outerjoin(tables.server_life, _life.spawner_id == _spawners.id)
    .outerjoin(tables.servers, tables.servers.c.id == _spawners.server_id)
    .outerjoin(tables.operations, (tables.operations.c.spawner_id == _spawners.id) & OPEN)
)
_BY_NAMES = CompiledQuery(
    _SERVER.where(tables.users.c.name == bindparam("user"), _spawners.name == bindparam("server"))
)
_BY_ID = CompiledQuery(_SERVER.where(_spawners.id == bindparam("key")))
_BY_IDS = CompiledQuery(_SERVER.where(is_one_of(_spawners.id, "keys")))
_NAMES = select(_spawners.id, _spawners.name).where(_spawners.name != "", _spawners.user_id.is_not(None))
_ACTIVE = CompiledQuery(_SERVER.where(_spawners.id.in_(ACTIVE_KEYS)))
_COUNT_ACTIVE = select(func.count()).select_from(tables.spawners).where(_spawners.id.in_(ACTIVE_KEYS))
_OTHER = or_(_spawners.user_id != bindparam("user"), _spawners.name != bindparam("without"))
_COUNT_ACTIVE_OF_USER = _COUNT_ACTIVE.where(_spawners.user_id == bindparam("user"), _OTHER)
_members = tables.user_group_map.c
_COUNT_ACTIVE_BY_GROUP = (
    select(tables.groups.c.name, func.count().label("number"))
    .join(tables.user_group_map, _members.group_id == tables.groups.c.id)
    .join(tables.spawners, _spawners.user_id == _members.user_id)
    .where(
        tables.groups.c.id.in_(select(_members.group_id).where(_members.user_id == bindparam("user"))),
        _spawners.id.in_(ACTIVE_KEYS),
        _OTHER,
    )
    .group_by(tables.groups.c.name)
)
_IS_RUNNING = _life.status == Status.RUNNING.value
_RUNNING = (
    select(_life.spawner_id, _life.launch)
    .outerjoin(tables.operations, (tables.operations.c.spawner_id == _life.spawner_id) & OPEN)
    .where(
        _IS_RUNNING,
        tables.operations.c.id.is_(None),
        _life.backend.in_(bindparam("backends", expanding=True)),
        _life.host.in_(bindparam("hosts", expanding=True)),
    )
)
_RUNNING_ON = select(_life.backend, _life.host).where(_IS_RUNNING).distinct()
_NO_STOP: Final[Mapping[str, Any]] = {"ends_at": None, "stop_at": None, "stop_reason": ""}
_NOT_KNOWN = update(tables.server_life).where(
    _IS_RUNNING,
    _life.backend == bindparam("of_backend"),
    _life.host == bindparam("of_host"),
    _life.unknown != bindparam("reason"),
)
_STATE_OF = CompiledWrite(
    update(tables.server_life).where(
        _IS_RUNNING, _life.spawner_id == bindparam("of_server"), _life.launch == bindparam("of_launch")
    )
)
_OF_USER, _ACTIVE_OF_USER = (
    CompiledQuery(query.where(_spawners.user_id == bindparam("key")).order_by(_spawners.name))
    for query in (_SERVER, _SERVER.where(IS_ACTIVE))
)
_OF_USERS, _ACTIVE_OF_USERS = (
    CompiledQuery(
        query.where(is_one_of(_spawners.user_id, "keys")).order_by(_spawners.user_id, _spawners.name)
    )
    for query in (_SERVER, _SERVER.where(IS_ACTIVE))
)
_CHANGE = CompiledWrite(update(tables.spawners).where(_spawners.id == bindparam("key")))
_TOUCH = CompiledWrite(
    update(tables.spawners)
    .where(
        _spawners.id == bindparam("key"),
        func.coalesce(_spawners.last_activity < bindparam("active_at"), literal(value=True)),
    )
    .values(last_activity=bindparam("active_at"))
)
_TOUCH_USER = CompiledWrite(
    update(tables.users)
    .where(
        tables.users.c.id
        == select(_spawners.user_id).where(_spawners.id == bindparam("key")).scalar_subquery(),
        func.coalesce(tables.users.c.last_activity < bindparam("active_at"), literal(value=True)),
    )
    .values(last_activity=bindparam("active_at"))
)
_NEW_ADDRESS = CompiledWrite(insert(tables.servers).returning(tables.servers.c.id))
_DROP_ADDRESS = CompiledWrite(
    delete(tables.servers).where(
        tables.servers.c.id.in_(select(_spawners.server_id).where(_spawners.id == bindparam("key")))
    )
)
CHUNK: Final = 500
"""Keys in one statement."""


class Servers:
    """Servers, on one connection."""

    def __init__(self, connection: Connection, operations: Operations, changes: Changes) -> None:
        self._connection = connection
        self._operations = operations
        self._changes = changes

    def get(self, user: str, name: str) -> ServerRecord | None:
        """Find a server."""
        return next(iter(self._all(_BY_NAMES, {"user": user, "server": name})), None)

    def by_id(self, server_id: int) -> ServerRecord | None:
        """Find a server by key."""
        return next(iter(self._all(_BY_ID, {"key": server_id})), None)

    def of_user(self, user_id: int, *, stopped: bool = True) -> list[ServerRecord]:
        """List the servers of a user, the default one first; stopped servers only on request."""
        return self._all(_OF_USER if stopped else _ACTIVE_OF_USER, {"key": user_id})

    def of_users(self, user_ids: Collection[int], *, stopped: bool) -> list[ServerRecord]:
        """List the servers of users, the default one of each first; stopped servers only on request."""
        return self._all(_OF_USERS if stopped else _ACTIVE_OF_USERS, {"keys": list(user_ids)})

    def names(self) -> list[tuple[int, str]]:
        """List key and name of all named servers."""
        rows = self._connection.execute(_NAMES)
        return [(row.id, row.name) for row in rows]

    def active(self) -> list[ServerRecord]:
        """List the servers that run or have an operation in progress."""
        return self._all(_ACTIVE)

    def count_active(self) -> int:
        """Count the servers that run or have an operation in progress."""
        count: int = self._connection.execute(_COUNT_ACTIVE).scalar_one()
        return count

    def count_active_of(self, user_id: int, without: str) -> tuple[int, dict[str, int]]:
        """Count the active servers of a user, and those of the members of each of the user's groups.

        Args:
            user_id: key of the user.
            without: name of a server of the user that does not count.
        """
        keys = {"user": user_id, "without": without}
        own: int = self._connection.execute(_COUNT_ACTIVE_OF_USER, keys).scalar_one()
        rows = self._connection.execute(_COUNT_ACTIVE_BY_GROUP, keys)
        return own, {row.name: row.number for row in rows}

    def by_ids(self, server_ids: Sequence[int]) -> list[ServerRecord]:
        """List servers by key, in any order."""
        chunks = [server_ids[begin : begin + CHUNK] for begin in range(0, len(server_ids), CHUNK)]
        return [server for keys in chunks for server in self._all(_BY_IDS, {"keys": keys})]

    def running(self, backends: Collection[str], hosts: Collection[str]) -> list[tuple[int, str]]:
        """List key and launch of the running servers of some plugins and machines without open operations."""
        rows = self._connection.execute(_RUNNING, {"backends": list(backends), "hosts": list(hosts)})
        return [(row.spawner_id, row.launch) for row in rows]

    def running_on(self) -> frozenset[tuple[str, str]]:
        """Return plugin and machine of all running servers."""
        return frozenset((row.backend, row.host) for row in self._connection.execute(_RUNNING_ON))

    def places(self) -> list[ServerLocation]:
        """List the locations of the active servers."""
        return active_places(self._connection)

    def create(self, user_id: int, name: str, display_name: str = "") -> ServerRecord:
        """Store a new server."""
        key: int = self._connection.execute(
            insert(tables.spawners)
            .values(user_id=user_id, name=name, display_name=display_name or None, state={})
            .returning(_spawners.id)
        ).scalar_one()
        self._changes.add_server(key)
        server = self.by_id(key)
        assert server is not None
        return server

    def delete(self, server_id: int) -> None:
        """Delete a server."""
        self._changes.add_server(server_id)
        invalidate_share_holders(self._connection, self._changes, tables.shares.c.spawner_id == server_id)
        self._connection.execute(delete(tables.spawners).where(_spawners.id == server_id))

    def rename(self, server_id: int, name: str) -> None:
        """Rename a server."""
        invalidate_share_holders(self._connection, self._changes, tables.shares.c.spawner_id == server_id)
        self._spawner(server_id, name=name)
        self._changes.add_server(server_id)

    def set_display_name(self, server_id: int, display_name: str) -> None:
        """Store the name of the server on pages; empty for its name."""
        self._spawner(server_id, display_name=display_name or None)
        self._changes.add_server(server_id)

    def set_options(self, server_id: int, options: Mapping[str, Any]) -> None:
        """Store the options that the user chose."""
        self._spawner(server_id, user_options=dict(options))

    def request_stop(self, server_id: int) -> None:
        """Store that the server should stop."""
        self._live(server_id, desired=Status.STOPPED.value)

    def request_start(self, server: ServerRecord, profile: str = "") -> bool:
        """Store that the server should run, and the title of its profile; False if it changed meanwhile."""
        return self._change(server, desired=Status.RUNNING.value, profile=profile[:_TITLE])

    def record_launch(self, server_id: int, *, backend: str, host: str, launch: str, client_id: str) -> None:
        """Store the start of a launch, before it has external effects."""
        self._spawner(server_id, oauth_client_id=client_id)
        self._live(
            server_id,
            backend=backend,
            host=host,
            launch=launch,
            status=Status.STARTING.value,
            failure=None,
            unknown="",
            unreachable="",
            **_NO_STOP,
        )

    def save_state(self, server_id: int, state: Mapping[str, Any]) -> None:
        """Store the state of the backend."""
        self._spawner(server_id, state=dict(state))

    def forget_state(self, server_id: int) -> None:
        """Delete the state that the backend saved."""
        self.save_state(server_id, {})

    def record_endpoint(self, server_id: int, *, url: str, prefix: str, state: Mapping[str, Any]) -> None:
        """Store the address of the server and the state that its backend saved."""
        self._move(server_id, url, prefix, state=dict(state))

    def mark_ready(self, server_id: int, at: datetime) -> None:
        """Store that the server runs."""
        self._spawner(server_id, started=at, last_activity=at)
        self._live(server_id, status=Status.RUNNING.value, failure=None, unknown="", unreachable="")

    def keep_stopped(self, server: ServerRecord) -> bool:
        """Keep a stopped server from being started during the transaction; False if it is active."""
        if not self._change(server, status=server.status.value):
            return False
        current = self.by_id(server.id)
        return current is not None and not current.active

    def mark_stopping(self, server: ServerRecord) -> bool:
        """Store that the server is being stopped; False if it changed since it was read."""
        return self._change(server, status=Status.STOPPING.value, desired=Status.STOPPED.value)

    def mark_stopped(
        self, server_id: int, failure: Failure | None, state: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """Mark the server stopped; store the failure, if any, and the state to resume from."""
        _DROP_ADDRESS.run(self._connection, {"key": server_id})
        self._spawner(server_id, server_id=None, state=dict(state), started=None, oauth_client_id=None)
        self._live(
            server_id,
            status=Status.STOPPED.value,
            desired=Status.STOPPED.value,
            failure=pack_failure(failure),
            launch="",
            host="",
            unknown="",
            unreachable="",
            **_NO_STOP,
        )

    def set_end(self, server_id: int, seconds: float | None) -> None:
        """Store after how many seconds the backend ends the server; None, which is ignored, if unknown."""
        if seconds is not None:
            self._live(server_id, ends_at=time.time() + seconds)

    def announce_stop(self, server: ServerRecord, at: float | None, reason: str) -> bool:
        """Store when the server will be stopped and why, None for never; False if it does not run."""
        of = {"of_server": server.id, "of_launch": server.launch}
        values = {"stop_at": at, "stop_reason": reason[:_TITLE]}
        if not _STATE_OF.run(self._connection, {**of, **values}).changed:
            return False
        self._changes.add_server(server.id)
        return True

    def record_failure(self, server_id: int, failure: Failure) -> None:
        """Store why a start failed, before its remains are cleaned up."""
        self._live(server_id, failure=pack_failure(failure))

    def mark_still_running(self, server_id: int, failure: Failure) -> None:
        """Store that a stop failed."""
        self._live(
            server_id,
            status=Status.RUNNING.value,
            desired=Status.RUNNING.value,
            failure=pack_failure(failure),
        )

    def set_unknown(self, server: ServerRecord, reason: str) -> None:
        """Store why a running server's status is unknown (empty if known), unless it was started again."""
        of = {"of_server": server.id, "of_launch": server.launch}
        if _STATE_OF.run(self._connection, {**of, "unknown": reason[:_REASON]}).changed:
            self._changes.add_server(server.id)

    def set_unreachable(self, server: ServerRecord, reason: str) -> bool:
        """Store why a running server has no route (empty if it has one); False if it was started again."""
        of = {"of_server": server.id, "of_launch": server.launch}
        if not _STATE_OF.run(self._connection, {**of, "unreachable": reason[:_REASON]}).changed:
            return False
        self._changes.add_server(server.id)
        return True

    def record_move(
        self, server: ServerRecord, *, url: str, state: Mapping[str, Any] | None, unreachable: str
    ) -> bool:
        """Store the new address of a running server (empty for none); False if it was started again."""
        if not self.set_unreachable(server, unreachable):
            return False
        self._move(server.id, url, server.prefix, **({} if state is None else {"state": dict(state)}))
        return True

    def set_unknown_of(self, backend: str, host: str, reason: str) -> int:
        """Store why the status of all servers of a plugin on a machine is unknown; return their number."""
        of = {"of_backend": backend, "of_host": host, "reason": reason[:_REASON]}
        changed = self._connection.execute(_NOT_KNOWN, {**of, "unknown": reason[:_REASON]}).rowcount
        if changed:
            self._changes.add(SERVER, "")
        return changed

    def touch(self, activity: Mapping[int, datetime]) -> None:
        """Advance the last activity of servers and of their users."""
        for server_id, at in activity.items():
            for statement in (_TOUCH, _TOUCH_USER):
                statement.run(self._connection, {"key": server_id, "active_at": at})

    def _all(self, query: CompiledQuery, keys: Mapping[str, object] | None = None) -> list[ServerRecord]:
        rows = query.all(self._connection, keys)
        places = self._operations.places([row.op_id for row in rows if row.op_phase == Phase.QUEUED.value])
        return [_server(row, places) for row in rows]

    def _move(self, server_id: int, url: str, prefix: str, **values: Any) -> None:
        """Replace the stored address, and other values with it; an empty address deletes it."""
        _DROP_ADDRESS.run(self._connection, {"key": server_id})
        address = None
        if url:
            address = _NEW_ADDRESS.run(self._connection, split_address(url, prefix)).first.id
        self._spawner(server_id, server_id=address, **values)

    def _spawner(self, key: int, **values: Any) -> None:
        _CHANGE.run(self._connection, {"key": key, **values})

    def _change(self, server: ServerRecord, **values: Any) -> bool:
        """Change a server unless it changed since it was read."""
        expected = {"seen_status": server.status.value, "seen_launch": server.launch}
        statement = _unless_changed(self._connection.dialect.name, tuple(values))
        row = {"spawner_id": server.id, **values}
        changed = bool(statement.run(self._connection, {**row, **expected}).rows)
        if changed:
            self._changes.add_server(server.id)
        return changed

    def _live(self, server_id: int, **values: Any) -> None:
        upsert(self._connection, tables.server_life, {"spawner_id": server_id}, **values)
        self._changes.add_server(server_id)


@lru_cache
def _unless_changed(dialect: str, columns: tuple[str, ...]) -> CompiledWrite:
    statement = insert_into(dialect, tables.server_life)
    unchanged = (_life.status == bindparam("seen_status")) & (_life.launch == bindparam("seen_launch"))
    new = {column: statement.excluded[column] for column in columns}
    # A process may be suspended between its read and its write while others continue.
    statement = statement.on_conflict_do_update(index_elements=["spawner_id"], set_=new, where=unchanged)
    return CompiledWrite(statement.returning(_life.spawner_id))


def _server(row: Any, places: Mapping[str, int]) -> ServerRecord:
    busy = row.op_id is not None
    return ServerRecord(
        id=row.id,
        user_id=row.user_id,
        user=row.user,
        name=row.name or "",
        display_name=row.display_name or "",
        backend=row.backend or "",
        host=row.host or "",
        desired=Status(row.desired or Status.STOPPED),
        status=Status(row.status or Status.STOPPED),
        launch=row.launch or "",
        url=join_address(row.proto, row.ip, row.port),
        prefix=row.base_url or "",
        options=row.user_options or {},
        state=row.state or {},
        started=row.started,
        last_activity=row.last_activity,
        oauth_client_id=row.oauth_client_id or "",
        failure=unpack_failure(row.failure),
        unknown=row.unknown or "",
        unreachable=row.unreachable or "",
        profile=row.profile or "",
        ends_at=row.ends_at,
        stop_at=row.stop_at,
        stop_reason=row.stop_reason or "",
        operation=read_operation(row, places.get(row.op_id), OPERATION) if busy else None,
    )
