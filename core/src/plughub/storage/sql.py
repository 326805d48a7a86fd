"""Statements that the dialects say differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_unless_there(connection: Connection, table: Table, key: Mapping[str, Any], **values: Any) -> bool:
    """Insert a row unless one with this key is there.

    Args:
        connection: where.
        table: into what.
        key: columns with a unique index, and their values.
        values: the other columns.

    Returns:
        Whether it was inserted.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values({**key, **values})
    statement = statement.on_conflict_do_nothing(index_elements=list(key))
    result = connection.execute(statement.returning(*(table.c[column] for column in key)))
    return result.first() is not None


def upsert(connection: Connection, table: Table, key: Mapping[str, Any], **values: Any) -> None:
    """Insert a row, or bring the one with this key up to date.

    Args:
        connection: where.
        table: into what.
        key: columns with a unique index, and their values.
        values: the other columns.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values({**key, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def insert_all_unless_there(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    answer: ColumnElement[Any],
) -> list[Any]:
    """Insert rows, but none whose key is there.

    Args:
        connection: where.
        table: into what.
        key: columns with a unique index.
        rows: their columns and values.
        answer: the column to answer.

    Returns:
        Its value in each row that was inserted.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(list(rows)).on_conflict_do_nothing(index_elements=list(key))
    return list(connection.execute(statement.returning(answer)).scalars())
