"""Sessions of the database of packages: autocommit, current rows, and no changes to tables of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyterhub.orm import Base
from sqlalchemy import Engine, Table, event, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import ORMExecuteState, Session, scoped_session, sessionmaker

from plughub.databases import HUB_TABLES, own_engine
from plughub.errors import StartError

_IN_MEMORY: Final = "sqlite://"


def connect(url: str, options: Mapping[str, Any]) -> scoped_session[Session]:
    """Return sessions by thread, and create the tables of packages that do not exist.

    Args:
        url: SQLAlchemy URL; empty for an empty database in memory that cannot be changed.
        options: more arguments of ``sqlalchemy.create_engine``.
    """
    engine = own_engine(url or _IN_MEMORY, options)
    if inspect(engine).get_table_names():
        create_tables(engine)
    else:  # a database in memory
        Base.metadata.create_all(engine)
    maker = sessionmaker(engine, expire_on_commit=False)
    event.listen(maker, "do_orm_execute", _prepare_statement)
    event.listen(maker, "before_flush", _check_changes)
    if not url:
        event.listen(maker, "before_flush", _refuse_changes)
    return scoped_session(maker)


def create_tables(engine: Engine) -> None:
    """Create the tables of packages that do not exist yet."""
    for table in Base.metadata.sorted_tables:
        if table.name in HUB_TABLES:
            continue
        try:
            table.create(engine, checkfirst=True)
        except DBAPIError:
            if not inspect(engine).has_table(table.name):  # else another hub process was quicker
                raise


def settle(session: Session) -> None:
    """Return the connection of a session without changes, and end a failed transaction."""
    if not session.is_active:
        session.rollback()
    elif not (session.new or session.dirty or session.deleted):
        session.commit()


def _prepare_statement(state: ORMExecuteState) -> None:
    """Read rows as they are stored now, and refuse to change those of the hub."""
    if state.is_select:
        state.update_execution_options(populate_existing=True)
    elif (mapper := state.bind_mapper) is not None:
        _check_table(mapper.local_table)


def _check_changes(session: Session, *_facts: object) -> None:
    for row in _changed(session):
        _check_table(inspect(type(row)).local_table)


def _refuse_changes(session: Session, *_facts: object) -> None:
    for row in _changed(session):
        raise StartError(
            f"{type(row).__name__} cannot be stored yet: constructors cannot write to the database",
            hint="store it with JupyterHub, before the hub takes over its database",
        )


def _changed(session: Session) -> tuple[Any, ...]:
    return (*session.new, *session.dirty, *session.deleted)


def _check_table(table: Any) -> None:
    if isinstance(table, Table) and table.name in HUB_TABLES:
        raise PermissionError(
            f"the table {table.name!r} belongs to the hub: change users, groups and servers with its API"
        )
