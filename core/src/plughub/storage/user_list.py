"""Queries for many users at once, with a constant number of statements for a list of any length."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from plughub.domain.clock import utcnow
from plughub.domain.errors import ConflictError
from plughub.domain.names import shorten
from plughub.domain.roles import USER_ROLE
from plughub.domain.servers import Status
from plughub.domain.users import ServerState, User, UserQuery
from plughub.domain.words import _
from plughub.storage import tables
from plughub.storage.active_servers import IS_NOT_STOPPED
from plughub.storage.changes import Changes
from plughub.storage.compiled_query import CompiledQuery, is_one_of
from plughub.storage.effective_scopes import combine_scopes, scopes_of_users
from plughub.storage.lists.conditions import contains, members_of, users_within
from plughub.storage.run_table import runs
from plughub.storage.shares import invalidate_share_holders
from plughub.storage.statements import insert_all_unless_there
from plughub.storage.users import user_of

CHUNK: Final = 500
"""Rows in one statement."""
_UNIQUE: Final = {"id", "name"}

_users, _roles = tables.users.c, tables.roles.c
_spawners, _life, _ops = tables.spawners.c, tables.server_life.c, tables.operations.c
_known, _admitted = tables.identities.c, tables.admissions.c
_COLUMNS = (_users.id, _users.name, _users.cookie_id, _users.created, _users.last_activity, _users.user_info)
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_BY_IDS = CompiledQuery(select(*_COLUMNS).where(is_one_of(_users.id, "keys")).order_by(_users.id))
_KNOWN = select(_users.name).where(_users.name.in_(bindparam("names", expanding=True)))
_RIGHTS = CompiledQuery(scopes_of_users(lambda column: is_one_of(column, "keys")))
_AFTER = CompiledQuery(
    select(_users.id)
    .where(_users.id > bindparam("after"))
    .order_by(_users.id)
    .limit(bindparam("limit", type_=Integer()))
)
_KNOWN_TO = CompiledQuery(
    select(_known.user_id, _known.plugin).where(is_one_of(_known.user_id, "keys")).order_by(_known.user_id)
)
_ADMITTED_BY = CompiledQuery(
    select(_admitted.user_id, _admitted.plugin)
    .where(is_one_of(_admitted.user_id, "keys"))
    .order_by(_admitted.user_id)
)
_COUNT = CompiledQuery(select(func.count().label("number")).select_from(tables.users))
_USER_ROLE = select(_roles.id).where(_roles.name == USER_ROLE).scalar_subquery()
_GIVE_ROLE = insert(tables.user_role_map).from_select(
    ["user_id", "role_id", "managed_by_auth"],
    select(_users.id, _USER_ROLE, literal(value=False)).where(_users.id.in_(_KEYS), _USER_ROLE.is_not(None)),
)
_NEW_SERVERS = insert(tables.spawners)
_BUSY = select(_ops.user_id).where(_ops.finished.is_(None))
_NOT_STOPPED = (
    select(_spawners.user_id)
    .join(tables.server_life, _life.spawner_id == _spawners.id)
    .where(IS_NOT_STOPPED, _spawners.user_id.is_not(None))
)
_READY = (
    select(_spawners.user_id)
    .join(tables.server_life, _life.spawner_id == _spawners.id)
    .where(
        _life.status == Status.RUNNING.value,
        _spawners.id.not_in(select(_ops.spawner_id).where(_ops.finished.is_(None))),
    )
)


class UserList:
    """Lists of users, on one connection."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    def page(self, query: UserQuery) -> list[User]:
        """List a page of users."""
        wanted, conditions = _ordered(query.sort, query.descending), _conditions(query)
        bounds = {"offset": query.offset, "limit": query.limit}
        # A query for keys only can be answered from an index.
        if conditions:
            keys = list(self._connection.execute(wanted.where(*conditions), bounds).scalars())
        else:
            all_users = _all_ordered(query.sort, query.descending)
            keys = [row.id for row in all_users.all(self._connection, bounds)]
        found = {user.id: user for user in self._complete(keys)}
        return [found[key] for key in keys if key in found]

    def count(self, query: UserQuery) -> int:
        """Count the users of all pages."""
        conditions = _conditions(query)
        if not conditions:
            return int(_COUNT.first(self._connection).number)
        counted = select(func.count()).select_from(tables.users).where(*conditions)
        return int(self._connection.execute(counted).scalar_one())

    def by_ids(self, user_ids: Collection[int]) -> list[User]:
        """List users by key, in the order of their keys."""
        chunks = _chunks(sorted(user_ids))
        return [user for chunk in chunks for user in self._complete(chunk)]

    def keys_after(self, user_id: int, limit: int) -> list[int]:
        """List the keys that follow one, in order."""
        return [row.id for row in _AFTER.all(self._connection, {"after": user_id, "limit": limit})]

    def plugins_of(self, user_ids: Collection[int]) -> dict[int, frozenset[str]]:
        """Return the authenticators that know each user, or else those for which an admin added them.

        Args:
            user_ids: keys of the users.

        Returns:
            Plugins by key, without users who have none.
        """
        found: dict[int, frozenset[str]] = {}
        for query in (_ADMITTED_BY, _KNOWN_TO):  # the later one replaces the earlier
            plugins: defaultdict[int, set[str]] = defaultdict(set)
            for chunk in _chunks(sorted(user_ids)):
                for row in query.all(self._connection, {"keys": chunk}):
                    plugins[row.user_id].add(row.plugin)
            found.update({key: frozenset(names) for key, names in plugins.items()})
        return found

    def known(self, names: Collection[str]) -> frozenset[str]:
        """Return those of the names that are usernames."""
        found: set[str] = set()
        for chunk in _chunks(sorted(names)):
            found.update(self._connection.execute(_KNOWN, {"names": chunk}).scalars())
        return frozenset(found)

    def create(self, names: Sequence[str]) -> list[int]:
        """Store users with default role and default server; return the keys of the new ones."""
        created: list[int] = []
        for chunk in _chunks(list(dict.fromkeys(names))):
            rows = [
                {"name": name, "cookie_id": uuid.uuid4().hex, "created": utcnow(), "admin": False}
                for name in chunk
            ]
            keys = insert_all_unless_there(self._connection, tables.users, ["name"], rows, _users.id)
            if not keys:
                continue
            servers = [{"user_id": key, "name": "", "state": {}} for key in keys]
            self._connection.execute(_NEW_SERVERS, servers)
            self._connection.execute(_GIVE_ROLE, {"keys": keys})
            created += keys
        if created:
            self._changes.add("user", "")
        return created

    def rename(self, user_id: int, name: str) -> None:
        """Rename a user; ConflictError if the name is taken."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(update(tables.users).where(_users.id == user_id).values(name=name))
        except IntegrityError as error:
            raise ConflictError(_("user %(name)s already exists", name=shorten(name))) from error
        self._connection.execute(update(runs).where(runs.c.user_id == user_id).values(username=name))
        invalidate_share_holders(self._connection, self._changes, tables.shares.c.owner_id == user_id)
        self._changes.add("user", str(user_id))

    def delete(self, user_id: int) -> None:
        """Delete a user with all servers and tokens."""
        invalidate_share_holders(self._connection, self._changes, tables.shares.c.owner_id == user_id)
        # A later user may get the same key.
        self._connection.execute(update(runs).where(runs.c.user_id == user_id).values(user_id=None))
        self._connection.execute(delete(tables.users).where(_users.id == user_id))
        self._changes.add("user", str(user_id))

    def _complete(self, keys: Collection[int]) -> list[User]:
        if not keys:
            return []
        these = {"keys": keys}
        rights: defaultdict[int, list[Any]] = defaultdict(list)
        for right in _RIGHTS.all(self._connection, {**these, "now": utcnow()}):
            rights[right.holder].append(right)
        return [user_of(row, combine_scopes(rights[row.id])) for row in _BY_IDS.all(self._connection, these)]


@cache
def _ordered(sort: str, descending: bool) -> Select[Any]:
    column = _users[sort]
    order: list[ColumnElement[Any]] = [column.desc() if descending else column.asc()]
    if sort not in _UNIQUE:
        nulls = order[0].nulls_last() if descending else order[0].nulls_first()
        order = [nulls, _users.id.asc()]
    return select(_users.id).order_by(*order).offset(bindparam("offset")).limit(bindparam("limit"))


@cache
def _all_ordered(sort: str, descending: bool) -> CompiledQuery:
    return CompiledQuery(_ordered(sort, descending))


def _conditions(query: UserQuery) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.name_filter:
        wanted.append(contains(_users.name, query.name_filter))
    if query.group:
        wanted.append(_users.id.in_(members_of([query.group])))
    wanted += users_within(query.within)
    if query.state is ServerState.READY:
        wanted.append(_users.id.in_(_READY))
    elif query.state is not None:
        active = or_(_users.id.in_(_NOT_STOPPED), _users.id.in_(_BUSY))
        wanted.append(active if query.state is ServerState.ACTIVE else ~active)
    return wanted


def _chunks(items: Sequence[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(items), CHUNK):
        yield list(items[first : first + CHUNK])
