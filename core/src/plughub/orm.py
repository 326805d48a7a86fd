"""Public classes of SQLAlchemy's ORM over the tables of the hub, for scripts of administrators.

::

    from plughub.orm import APIToken, User, new_session_factory

    with new_session_factory("sqlite:///jupyterhub.sqlite")() as db:
        user = db.query(User).filter(User.name == "alice").first()
        db.add(APIToken(user=user, hashed=hash_token(token), prefix=token[:4], note="for scripts"))
        db.commit()

A running hub notices what was committed within a second. The hub itself does not import this module, and
these classes know none of its rules: who may do what, limits, and what must be stopped before a row may be
deleted. The REST API and ``hub token`` do. Hooks and plugins receive the records of `plughub.kinds` instead.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Mapper,
    ORMExecuteState,
    Session,
    object_session,
    relationship,
    sessionmaker,
)

from plughub.domain import tokens
from plughub.domain.clock import utcnow
from plughub.domain.roles import TOKEN_ROLE, USER_ROLE
from plughub.services.coordination.initial_records import PLAIN_CLIENT, store_initial_records
from plughub.services.tokens.role_scopes import scopes_of_role
from plughub.storage import tables
from plughub.storage.database import make_engine
from plughub.storage.schema import make_schema, require_schema
from plughub.storage.store import Transaction

__all__ = [
    "APIToken",
    "Base",
    "Group",
    "Role",
    "Server",
    "Service",
    "Spawner",
    "User",
    "new_session_factory",
]

_READS: Final = ("SELECT", "PRAGMA")


class Base(DeclarativeBase):
    """Base class; its ``metadata`` has all tables of the hub."""

    metadata = tables.metadata


class Named(Base):
    """Row with a unique name."""

    __abstract__ = True

    if TYPE_CHECKING:
        id: Mapped[int]
        name: Mapped[str]

    @classmethod
    def find(cls, db: Session, name: str) -> Any:
        """Return the row with a name; None if there is none."""
        return db.query(cls).filter(cls.name == name).first()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Role(Named):
    """Named bundle of scopes."""

    __table__ = tables.roles
    users: Mapped[list[User]] = relationship(
        secondary=tables.user_role_map, back_populates="roles", passive_deletes=True
    )
    groups: Mapped[list[Group]] = relationship(
        secondary=tables.group_role_map, back_populates="roles", passive_deletes=True
    )
    services: Mapped[list[Service]] = relationship(
        secondary=tables.service_role_map, back_populates="roles", passive_deletes=True
    )

    if TYPE_CHECKING:
        description: Mapped[str | None]
        scopes: Mapped[list[str] | None]


class Group(Named):
    """Group of users."""

    __table__ = tables.groups
    users: Mapped[list[User]] = relationship(
        secondary=tables.user_group_map, back_populates="groups", passive_deletes=True
    )
    roles: Mapped[list[Role]] = relationship(
        secondary=tables.group_role_map, back_populates="groups", passive_deletes=True
    )

    if TYPE_CHECKING:
        properties: Mapped[dict[str, Any] | None]


class _TokenOwner(Named):
    """Row that owns API tokens."""

    __abstract__ = True

    def new_api_token(self, token: str | None = None, **facts: Any) -> str:
        """Store a new API token in the session of this object, and commit.

        Args:
            token: the token; generated if omitted.
            facts: further attributes of `APIToken`, or ``expires_in`` in seconds.

        Returns:
            The token, which is stored only as a hash.
        """
        session = object_session(self)
        if session is None:
            raise ValueError(f"{self!r} belongs to no session; add it to one first")
        rounds = tokens.GENERATED_ROUNDS if token is None else tokens.GIVEN_ROUNDS
        text = tokens.new_token() if token is None else tokens.check_given_token(token)
        seconds = facts.pop("expires_in", None)
        if seconds is not None:
            facts["expires_at"] = utcnow() + timedelta(seconds=seconds)
        facts["user" if isinstance(self, User) else "service"] = self
        hashed, prefix = tokens.hash_token(text, rounds=rounds), tokens.token_prefix(text)
        session.add(APIToken(hashed=hashed, prefix=prefix, **facts))
        session.commit()
        return text


class User(_TokenOwner):
    """User of the hub. A new one gets the role ``user``, like a user that an administrator adds."""

    __table__ = tables.users
    groups: Mapped[list[Group]] = relationship(
        secondary=tables.user_group_map, back_populates="users", passive_deletes=True
    )
    roles: Mapped[list[Role]] = relationship(
        secondary=tables.user_role_map, back_populates="users", passive_deletes=True
    )
    api_tokens: Mapped[list[APIToken]] = relationship(
        back_populates="user", cascade="all, delete-orphan", passive_deletes=True
    )
    _orm_spawners: Mapped[list[Spawner]] = relationship(
        back_populates="user", cascade="all, delete-orphan", passive_deletes=True
    )

    if TYPE_CHECKING:
        admin: Mapped[bool]
        user_info: Mapped[dict[str, Any] | None]
        created: Mapped[datetime | None]
        last_activity: Mapped[datetime | None]
        cookie_id: Mapped[str]

    @property
    def orm_spawners(self) -> dict[str, Spawner]:
        """Servers of the user by name; the default one has an empty name."""
        return {spawner.name: spawner for spawner in self._orm_spawners}


class Service(_TokenOwner):
    """Service that uses the hub."""

    __table__ = tables.services
    roles: Mapped[list[Role]] = relationship(
        secondary=tables.service_role_map, back_populates="services", passive_deletes=True
    )
    api_tokens: Mapped[list[APIToken]] = relationship(
        back_populates="service", cascade="all, delete-orphan", passive_deletes=True
    )

    if TYPE_CHECKING:
        admin: Mapped[bool]
        url: Mapped[str | None]


class Server(Base):
    """Address of a running server."""

    __table__ = tables.servers

    if TYPE_CHECKING:
        id: Mapped[int]
        proto: Mapped[str]
        ip: Mapped[str]
        port: Mapped[int]
        base_url: Mapped[str]


class Spawner(Base):
    """Server of a user, running or not. Start and stop servers with the REST API only."""

    __table__ = tables.spawners
    user: Mapped[User] = relationship(back_populates="_orm_spawners")
    server: Mapped[Server | None] = relationship()

    if TYPE_CHECKING:
        id: Mapped[int]
        user_id: Mapped[int]
        name: Mapped[str]
        state: Mapped[dict[str, Any] | None]
        started: Mapped[datetime | None]
        last_activity: Mapped[datetime | None]
        user_options: Mapped[dict[str, Any] | None]


class APIToken(Base):
    """API token of a user or a service, stored as a hash.

    Without ``scopes`` it has those of the role ``token``, like a token of ``hub token``. ``prefix`` is the
    beginning of the token, four characters, by which the hub looks it up.
    """

    __table__ = tables.api_tokens
    user: Mapped[User | None] = relationship(back_populates="api_tokens")
    service: Mapped[Service | None] = relationship(back_populates="api_tokens")

    if TYPE_CHECKING:
        id: Mapped[int]
        hashed: Mapped[str]
        prefix: Mapped[str]
        client_id: Mapped[str]
        session_id: Mapped[str | None]
        created: Mapped[datetime | None]
        expires_at: Mapped[datetime | None]
        last_activity: Mapped[datetime | None]
        note: Mapped[str | None]
        scopes: Mapped[Collection[str] | None]

    @property
    def api_id(self) -> str:
        """Id of the token in the REST API."""
        return f"a{self.id}"

    @property
    def owner(self) -> User | Service | None:
        """User or service that the token belongs to."""
        return self.user or self.service

    def match(self, token: str) -> bool:
        """Return whether this is the record of a token."""
        return tokens.compare_token(token, self.hashed)

    @classmethod
    def find(cls, db: Session, token: str) -> APIToken | None:
        """Return the record of a token; None for an unknown or expired one."""
        candidates = db.query(cls).filter(cls.prefix == tokens.token_prefix(token))
        valid = (found for found in candidates if found.expires_at is None or found.expires_at > utcnow())
        return next((found for found in valid if found.match(token)), None)

    def __repr__(self) -> str:
        return f"<APIToken {self.prefix}… of {self.owner!r}>"


def new_session_factory(
    url: str = "sqlite:///:memory:", *, expire_on_commit: bool = False, **options: Any
) -> sessionmaker[Session]:
    """Return a factory of sessions for a database.

    Args:
        url: SQLAlchemy URL of an existing database, or of one in memory for tests.
        expire_on_commit: whether objects are read again after a commit.
        options: more arguments of ``sqlalchemy.create_engine``.

    Returns:
        The factory; call it for a session.

    Raises:
        StartError: there is no such database, or its schema is outdated.
    """
    engine = make_engine(url, options, begin=False)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "before_cursor_execute", _begin_before_writing)
    in_memory = engine.dialect.name == "sqlite" and engine.url.database in {None, "", ":memory:"}
    if not in_memory:
        require_schema(url, options)
    with engine.begin() as connection:
        if in_memory:
            make_schema(connection)
        store_initial_records(Transaction(connection))
    return sessionmaker(engine, expire_on_commit=expire_on_commit)


def _begin_before_writing(_connection: Connection, cursor: Any, statement: str, *_more: object) -> None:
    """Begin a transaction of SQLite at the first change, so that a session that reads blocks no hub."""
    if not cursor.connection.in_transaction and not statement.lstrip().upper().startswith(_READS):
        cursor.connection.execute("BEGIN IMMEDIATE")


def _prepare_user(_mapper: Mapper[User], _connection: Connection, user: User) -> None:
    user.cookie_id = user.cookie_id or uuid.uuid4().hex
    user.created = user.created or utcnow()


def _complete_user(_mapper: Mapper[User], connection: Connection, user: User) -> None:
    if not user.roles:
        Transaction(connection).roles.grant(USER_ROLE, "user", [user.name])
    if not user._orm_spawners:  # noqa: SLF001 - a class of this module
        connection.execute(tables.spawners.insert().values(user_id=user.id, name="", state={}))


def _prepare_token(_mapper: Mapper[APIToken], connection: Connection, token: APIToken) -> None:
    token.client_id = token.client_id or PLAIN_CLIENT
    token.created = token.created or utcnow()
    if token.scopes is None:
        token.scopes = sorted(scopes_of_role(Transaction(connection), TOKEN_ROLE))


event.listen(User, "before_insert", _prepare_user)
event.listen(User, "after_insert", _complete_user)
event.listen(APIToken, "before_insert", _prepare_token)

_TOPICS: Final[dict[type[Base], tuple[str, Callable[[Any], object]]]] = {
    APIToken: ("token", lambda row: row.id),
    User: ("user", lambda row: row.id),
    Spawner: ("server", lambda row: row.id),
    Group: ("group", lambda row: row.name),
    Role: ("role", lambda row: row.name),
    Service: ("service", lambda row: row.name),
}
"""Topic and key in the change feed, by class."""


def _report(_mapper: Mapper[Any], connection: Connection, row: Base) -> None:
    """Report a change to all hub processes, so that none uses what it has cached."""
    topic, key = _TOPICS[type(row)]
    Transaction(connection).changes.add(topic, str(key(row)))


def _report_many(state: ORMExecuteState) -> None:
    """Report a statement that changes any number of rows: all principals are read again."""
    mapper = state.bind_mapper
    if (state.is_update or state.is_delete) and mapper is not None and mapper.class_ in _TOPICS:
        Transaction(state.session.connection()).changes.add("role", "")


for _class in _TOPICS:
    for _moment in ("after_insert", "after_update", "after_delete"):
        event.listen(_class, _moment, _report)
event.listen(Session, "do_orm_execute", _report_many)
