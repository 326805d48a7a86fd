"""Queries for users, their roles, groups and identities."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from plughub.domain.clock import utcnow
from plughub.domain.errors import ConflictError
from plughub.domain.roles import ADMIN_ROLE, USER_ROLE
from plughub.domain.users import IdentityRecord, User
from plughub.domain.words import _
from plughub.storage import tables
from plughub.storage.changes import Changes
from plughub.storage.compiled_query import CompiledQuery
from plughub.storage.effective_scopes import Granted, combine_scopes, scopes_of_users
from plughub.storage.statements import insert_unless_there

_users, _roles, _known = tables.users.c, tables.roles.c, tables.identities.c

_USER = select(
    _users.id, _users.name, _users.cookie_id, _users.created, _users.last_activity, _users.user_info
)
_BY_NAME, _BY_ID, _BY_COOKIE = (
    CompiledQuery(_USER.where(column == bindparam("key")))
    for column in (_users.name, _users.id, _users.cookie_id)
)
_WITH_SECRETS = CompiledQuery(
    _USER.add_columns(_users.encrypted_auth_state).where(_users.name == bindparam("key"))
)
_RIGHTS_OF = CompiledQuery(scopes_of_users(lambda column: column == bindparam("key")))
_IDENTITIES = (
    select(_known.plugin, _known.subject, _known.refreshed, _known.name)
    .where(_known.user_id == bindparam("key"))
    .order_by(_known.refreshed.desc())
)
_AUTH_STATE = select(_users.encrypted_auth_state).where(_users.id == bindparam("key"))
_LAST_AUTH_STATE = CompiledQuery(
    select(_users.encrypted_auth_state, _known.plugin)
    .outerjoin(tables.identities, _known.user_id == _users.id)
    .where(_users.id == bindparam("key"))
    .order_by(_known.refreshed.desc())
    .limit(1)
)
_GROUPS_OF = (
    select(_users.name, tables.groups.c.name.label("group"))
    .join(tables.user_group_map, tables.user_group_map.c.user_id == _users.id)
    .join(tables.groups, tables.groups.c.id == tables.user_group_map.c.group_id)
    .where(_users.name.in_(bindparam("names", expanding=True)))
    .order_by(tables.groups.c.name)
)
_ROLE_ID = select(_roles.id).where(_roles.name == bindparam("key"))


def user_of(row: Any, granted: Granted) -> User:
    """Return the user of a row, with what roles, groups and shares give them."""
    return User(
        id=row.id,
        name=row.name,
        cookie_id=row.cookie_id,
        admin=ADMIN_ROLE in granted.roles,
        created=row.created,
        last_activity=row.last_activity,
        groups=granted.groups,
        roles=granted.roles,
        scopes=granted.scopes,
        user_info=row.user_info or {},
    )


class Users:
    """Users, on one connection."""

    def __init__(self, connection: Connection, changes: Changes, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._changes = changes
        self._clock = clock

    def get(self, name: str) -> User | None:
        """Find a user by name."""
        return self._one(_BY_NAME, name)

    def details(self, name: str, *, secrets: bool) -> tuple[User | None, bytes | None]:
        """Find a user by name, with the encrypted ``auth_state`` on request."""
        row = (_WITH_SECRETS if secrets else _BY_NAME).first(self._connection, {"key": name})
        if row is None:
            return None, None
        return self._user(row), row.encrypted_auth_state if secrets else None

    def by_id(self, user_id: int) -> User | None:
        """Find a user by key."""
        return self._one(_BY_ID, user_id)

    def by_cookie_id(self, cookie_id: str) -> User | None:
        """Return the user of a login cookie made by a JupyterHub."""
        return self._one(_BY_COOKIE, cookie_id)

    def groups_of(self, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the names of the groups of users, by name; users without groups are left out."""
        if not names:
            return {}
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in self._connection.execute(_GROUPS_OF, {"names": sorted(names)}):
            found[row.name].append(row.group)
        return {name: tuple(groups) for name, groups in found.items()}

    def create(self, name: str) -> User:
        """Store a user with the default role and the default server; ConflictError if the name is taken."""
        facts = {"cookie_id": uuid.uuid4().hex, "created": utcnow(), "admin": False}
        stored = insert_unless_there(self._connection, tables.users, {"name": name}, **facts)
        user = self.get(name)
        if not stored or user is None:
            raise ConflictError(_("user %(name)r already exists", name=name))
        self._connection.execute(insert(tables.spawners).values(user_id=user.id, name="", state={}))
        self._grant(user.id, USER_ROLE)
        self._changes.add("user", "")
        return self.by_id(user.id) or user

    def lock(self, user_id: int) -> None:
        """Lock a user until the transaction ends, so that a later transaction sees this one's changes."""
        of_user = select(_users.id).where(_users.id == user_id)
        self._connection.execute(of_user.with_for_update(key_share=True))

    def update(
        self,
        user_id: int,
        *,
        user_info: Mapping[str, Any] | None = None,
        last_activity: datetime | None = None,
    ) -> None:
        """Change the given facts; activity is only advanced."""
        of_user = tables.users.c.id == user_id
        if user_info is not None:
            self._connection.execute(update(tables.users).where(of_user).values(user_info=dict(user_info)))
            self._changed(user_id)
        if last_activity is not None:
            older = func.coalesce(tables.users.c.last_activity < last_activity, literal(value=True))
            self._connection.execute(
                update(tables.users).where(of_user, older).values(last_activity=last_activity)
            )

    def set_admin(self, user_id: int, admin: bool) -> None:
        """Grant or revoke the admin role, and update the flag that mirrors it."""
        self._connection.execute(update(tables.users).where(tables.users.c.id == user_id).values(admin=admin))
        if admin:
            self._grant(user_id, ADMIN_ROLE)
        else:
            role = select(tables.roles.c.id).where(tables.roles.c.name == ADMIN_ROLE).scalar_subquery()
            held = tables.user_role_map.c
            self._connection.execute(
                delete(tables.user_role_map).where(held.user_id == user_id, held.role_id == role)
            )
        self._changed(user_id)

    def set_groups(self, user_id: int, groups: Collection[str]) -> None:
        """Replace the groups of a user; missing groups are created."""
        for name in sorted(groups):
            insert_unless_there(self._connection, tables.groups, {"name": name}, properties={})
        members = tables.user_group_map
        self._connection.execute(delete(members).where(members.c.user_id == user_id))
        wanted = select(literal(user_id), tables.groups.c.id).where(tables.groups.c.name.in_(groups))
        self._connection.execute(insert(members).from_select(["user_id", "group_id"], wanted))
        self._changed(user_id)

    def identity_owner(self, plugin: str, subject: str) -> int | None:
        """Return the key of the user with a subject at a plugin."""
        found: int | None = self._connection.execute(
            select(_known.user_id).where(_known.plugin == plugin, _known.subject == subject)
        ).scalar_one_or_none()
        return found

    def identities(self, user_id: int) -> list[IdentityRecord]:
        """List the identities of a user, the most recently refreshed first."""
        rows = self._connection.execute(_IDENTITIES, {"key": user_id})
        return [IdentityRecord(row.plugin, row.subject, row.refreshed, row.name) for row in rows]

    def known_as(self, name: str, plugins: Collection[str] | None = None) -> list[int]:
        """List the keys of the users with a login name at authenticators, whatever their usernames are."""
        wanted = [_known.name == name] + ([] if plugins is None else [_known.plugin.in_(plugins)])
        found = select(_known.user_id).where(*wanted).order_by(_known.user_id).distinct()
        return list(self._connection.execute(found).scalars())

    def add_identity(self, user_id: int, plugin: str, subject: str, name: str = "") -> None:
        """Store an identity of a user as refreshed now; an empty name keeps the stored one."""
        key = {"plugin": plugin, "subject": subject}
        facts = {"refreshed": self._clock()} | ({"name": name} if name else {})
        insert_unless_there(self._connection, tables.identities, key, user_id=user_id, **facts)
        self._connection.execute(
            update(tables.identities)
            .where(_known.plugin == plugin, _known.subject == subject)
            .values(**facts)
        )

    def last_auth_state(self, user_id: int) -> tuple[str, bytes | None]:
        """Return the user's last authenticator, empty for none, and the encrypted ``auth_state``."""
        row = _LAST_AUTH_STATE.first(self._connection, {"key": user_id})
        return (row.plugin or "", row.encrypted_auth_state) if row is not None else ("", None)

    def auth_state(self, user_id: int) -> bytes | None:
        """Return the encrypted ``auth_state``."""
        found: bytes | None = self._connection.execute(_AUTH_STATE, {"key": user_id}).scalar_one_or_none()
        return found

    def set_auth_state(self, user_id: int, encrypted: bytes | None) -> None:
        """Store the encrypted ``auth_state``; None deletes it."""
        of_user = [_users.id == user_id]
        if encrypted is None:
            of_user.append(_users.encrypted_auth_state.is_not(None))
        self._connection.execute(update(tables.users).where(*of_user).values(encrypted_auth_state=encrypted))

    def replace_auth_state(self, user_id: int, before: bytes, encrypted: bytes) -> None:
        """Store a re-encrypted ``auth_state``, unless it was changed in the meantime."""
        of_user = (_users.id == user_id, _users.encrypted_auth_state == before)
        self._connection.execute(update(tables.users).where(*of_user).values(encrypted_auth_state=encrypted))

    def new_cookie_id(self, user_id: int) -> None:
        """Invalidate the user's login cookies made by a JupyterHub."""
        self._connection.execute(
            update(tables.users).where(tables.users.c.id == user_id).values(cookie_id=uuid.uuid4().hex)
        )
        self._changed(user_id)

    def _one(self, query: CompiledQuery, key: object) -> User | None:
        row = query.first(self._connection, {"key": key})
        return self._user(row) if row is not None else None

    def _user(self, row: Any) -> User:
        rights = _RIGHTS_OF.all(self._connection, {"key": row.id, "now": utcnow()})
        return user_of(row, combine_scopes(rights))

    def _grant(self, user_id: int, role: str) -> None:
        key: int | None = self._connection.execute(_ROLE_ID, {"key": role}).scalar_one_or_none()
        if key is not None:
            insert_unless_there(
                self._connection,
                tables.user_role_map,
                {"user_id": user_id, "role_id": key},
                managed_by_auth=False,
            )

    def _changed(self, user_id: int) -> None:
        self._changes.add("user", str(user_id))
