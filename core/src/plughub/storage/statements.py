"""Statements that differ between dialects, built once for each table and set of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import sqlite

from plughub.storage.compiled_query import CompiledWrite

_REMEMBERED: Final = 256


def insert_unless_there(connection: Connection, table: Table, key: Mapping[str, Any], **values: Any) -> bool:
    """Insert a row unless its key exists; return whether it was inserted.

    Args:
        connection: connection of the transaction.
        table: the table.
        key: columns with a unique index, and their values.
        values: the other columns.
    """
    statement = _insert_unless_there(connection.dialect.name, table, tuple(key))
    return bool(statement.run(connection, {**key, **values}).rows)


def insert_unless_taken(connection: Connection, table: Table, key: str, values: Mapping[str, Any]) -> bool:
    """Insert a row unless any unique index forbids it; return whether it was inserted.

    Args:
        connection: connection of the transaction.
        table: the table.
        key: name of its primary key.
        values: the columns.
    """
    statement = _insert_unless_taken(connection.dialect.name, table, key)
    return bool(statement.run(connection, values).rows)


def upsert(connection: Connection, table: Table, key: Mapping[str, Any], **values: Any) -> None:
    """Insert a row, or update the one with this key.

    Args:
        connection: connection of the transaction.
        table: the table.
        key: columns with a unique index, and their values.
        values: the other columns.
    """
    statement = _upsert(connection.dialect.name, table, tuple(key), tuple(values))
    statement.run(connection, {**key, **values})


def insert_all_unless_there(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    answer: ColumnElement[Any],
) -> list[Any]:
    """Insert the rows whose key does not exist.

    Args:
        connection: connection of the transaction.
        table: the table.
        key: columns with a unique index.
        rows: their columns and values.
        answer: the column to return.

    Returns:
        The value of that column in each inserted row.
    """
    if not rows:
        return []
    statement = _insert_one_unless_there(connection.dialect.name, table, tuple(key), answer)
    return list(connection.execute(statement, rows[0] if len(rows) == 1 else list(rows)).scalars())


def insert_into(dialect: str, table: Table) -> Any:
    """Return an insert statement of the dialect, which supports conflict clauses."""
    if dialect != "postgresql":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - needs 3 MB, which hubs with SQLite save

    return postgresql.insert(table)


@lru_cache(_REMEMBERED)
def _insert_unless_there(dialect: str, table: Table, key: tuple[str, ...]) -> CompiledWrite:
    statement = insert_into(dialect, table).on_conflict_do_nothing(index_elements=list(key))
    return CompiledWrite(statement.returning(*(table.c[column] for column in key)))


@lru_cache(_REMEMBERED)
def _insert_one_unless_there(
    dialect: str, table: Table, key: tuple[str, ...], answer: ColumnElement[Any]
) -> Any:
    statement = insert_into(dialect, table).on_conflict_do_nothing(index_elements=list(key))
    return statement.returning(answer)


@lru_cache(_REMEMBERED)
def _insert_unless_taken(dialect: str, table: Table, key: str) -> CompiledWrite:
    statement = insert_into(dialect, table).on_conflict_do_nothing()
    return CompiledWrite(statement.returning(table.c[key]))


@lru_cache(_REMEMBERED)
def _upsert(dialect: str, table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> CompiledWrite:
    statement = insert_into(dialect, table)
    new = {column: statement.excluded[column] for column in columns}
    return CompiledWrite(statement.on_conflict_do_update(index_elements=list(key), set_=new))
