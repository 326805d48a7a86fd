"""Frequent statements, compiled once and run on the driver's cursor."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from sqlalchemy import ARRAY, Boolean, ColumnElement, Connection, Dialect, Integer, String, Text, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import SelectBase, UpdateBase
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

Convert = Callable[[Any], Any]


class CompiledQuery:
    """Query whose execution costs little more than the driver needs for it.

    For a query that returns a few rows, SQLAlchemy's own execution costs several times as much as the
    database. Types of parameters and columns are converted as usual, but NULL is None in every type. Of
    SQLAlchemy's events for executions, those of the cursor are emitted.

    Args:
        statement: the query; for a parameter that is a list, use `is_one_of`.
    """

    def __init__(self, statement: SelectBase) -> None:
        self._statement = statement
        self._plans: dict[str, _Plan] = {}

    def all(self, connection: Connection, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Run the query in the connection's transaction.

        Args:
            connection: connection of the transaction.
            values: parameters by name.

        Returns:
            The rows, as named tuples.
        """
        dialect = connection.dialect
        plan = self._plans.get(dialect.name)
        if plan is None:
            plan = self._plans[dialect.name] = _Plan(self._statement, dialect)
        description, rows, _ = _fetch(connection, plan.text, plan.parameters(values or {}))
        return plan.convert(description, rows)

    def first(self, connection: Connection, values: Mapping[str, Any] | None = None) -> Any:
        """Run the query and return the first row; None if there is none.

        Args:
            connection: connection of the transaction.
            values: parameters by name.
        """
        return next(iter(self.all(connection, values)), None)


class Written(NamedTuple):
    """Result of a `CompiledWrite`.

    Attributes:
        rows: what the statement returns, as named tuples.
        changed: number of inserted, changed or deleted rows.
    """

    rows: list[Any]
    changed: int

    @property
    def first(self) -> Any:
        """The first returned row; None if there is none."""
        return self.rows[0] if self.rows else None


class CompiledWrite:
    """Insert, update or delete of single rows, run like a `CompiledQuery`.

    Args:
        statement: the statement; columns that it does not set itself are set by the parameters of `run`, as
            in ``Connection.execute``.
    """

    def __init__(self, statement: UpdateBase) -> None:
        self._statement = statement
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Written:
        """Run the statement in the connection's transaction.

        Args:
            connection: connection of the transaction.
            values: parameters and columns by name; the code determines which, so that few plans are kept.
        """
        dialect = connection.dialect
        kind = (dialect.name, *values)
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = _Plan(self._statement, dialect, tuple(values))
        description, rows, count = _fetch(connection, plan.text, plan.parameters(values))
        return Written(plan.convert(description, rows), count)


class _Plan:
    """Text of a statement in one dialect, with the conversions of its parameters and columns.

    Args:
        statement: the statement.
        dialect: the dialect.
        keys: names of the parameters, for columns to write.
    """

    def __init__(
        self, statement: SelectBase | UpdateBase, dialect: Dialect, keys: Sequence[str] | None = None
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=keys)
        columns: Any = statement.exported_columns
        self._dialect = dialect
        self.text = str(compiled)
        if "POSTCOMPILE" in self.text:
            raise TypeError(f"a parameter is a list; use is_one_of: {self.text}")
        self._order = tuple(compiled.positiontup) if compiled.positiontup is not None else None
        given = {
            name: compiled.params[name] for bound, name in compiled.bind_names.items() if not bound.required
        }
        self._defaults = {**given, **_column_defaults(compiled)}
        row: Any = namedtuple("Row", columns.keys(), rename=True)  # type: ignore[misc] # noqa: PYI024
        self._make: Convert = partial(tuple.__new__, row)  # a third of the time of row._make
        kinds = {name: bound.type.dialect_impl(dialect) for bound, name in compiled.bind_names.items()}
        binds = ((name, kind.bind_processor(dialect)) for name, kind in kinds.items())
        self._binds = tuple((name, convert) for name, convert in binds if convert is not None)
        self._kinds = [column.type.dialect_impl(dialect) for column in columns]
        self._results: tuple[tuple[int, Convert], ...] | None = None

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the parameters as the driver expects them."""
        found = {**self._defaults, **values}
        for name, convert in self._binds:
            found[name] = convert(found[name])
        return found if self._order is None else [found[name] for name in self._order]

    def convert(self, description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Convert the columns of rows, given the driver's description of them."""
        if not self._kinds:
            return []  # PostgreSQL returns the key of an inserted row without being asked
        if self._results is None:
            self._results = tuple(self._converters(description))
        if not self._results:
            return list(map(self._make, rows))
        converted = []
        for row in rows:
            values = list(row)
            for number, convert in self._results:
                if values[number] is not None:
                    values[number] = convert(values[number])
            converted.append(self._make(values))
        return converted

    def _converters(self, description: Sequence[Any]) -> Iterator[tuple[int, Convert]]:
        for number, kind in enumerate(self._kinds):
            convert = kind.result_processor(self._dialect, description[number][1])
            if convert is not None:
                yield number, convert


def _column_defaults(compiled: SQLCompiler) -> dict[str, Any]:
    """Return the values of columns that a statement sets to the default of the table."""
    if not compiled.isinsert and not compiled.isupdate:
        return {}
    found: dict[str, Any] = {}
    for column in (*compiled.insert_prefetch, *compiled.update_prefetch):
        default: Any = column.default if compiled.isinsert else column.onupdate
        if not default.is_scalar:
            raise TypeError(f"the default of {column} is computed")
        found[column.key] = default.arg
    return found


def _fetch(connection: Connection, text: str, parameters: Any) -> tuple[Sequence[Any], Sequence[Any], int]:
    """Run a statement; return the driver's description of its columns, its rows, and the number of rows."""
    cursor: Any = connection.connection.cursor()
    # As SQLAlchemy does: looking for listeners costs a fifth of a query.
    has_listeners = connection._has_events or connection.engine._has_events  # noqa: SLF001
    try:
        if has_listeners:
            for listener in connection.dispatch.before_cursor_execute:
                listener(connection, cursor, text, parameters, None, False)
        cursor.execute(text, parameters)
        if has_listeners:
            for listener in connection.dispatch.after_cursor_execute:
                listener(connection, cursor, text, parameters, None, False)
        if cursor.description is None:
            return (), (), cursor.rowcount
        return cursor.description, cursor.fetchall(), cursor.rowcount
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(connection, text, error) from error
    finally:
        cursor.close()


def _wrapped(connection: Connection, text: str, error: Exception) -> DBAPIError:
    """Return the error as SQLAlchemy raises it, so that retries and messages are the same."""
    dialect = connection.dialect
    base = cast("type[Exception]", dialect.loaded_dbapi.Error)
    is_lost = dialect.is_disconnect(cast("Any", error), connection.connection.dbapi_connection, None)
    if is_lost:
        connection.invalidate(error)
    wrapped = DBAPIError.instance(
        text, None, error, base, hide_parameters=True, connection_invalidated=is_lost, dialect=dialect
    )
    return cast("DBAPIError", wrapped)


class _Keys(TypeDecorator[Sequence[Any]]):
    """List as one parameter: an array, or JSON for SQLite. The text of a query thus does not depend on its
    length.
    """

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the dialect."""
        return ARRAY(self.item) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        """Convert the list for the driver."""
        return list(value or ()) if dialect.name == "postgresql" else json.dumps(list(value or ()))


class _IsOneOf(FunctionElement[bool]):
    """Condition whose right side is one parameter. See `is_one_of`."""

    name = "is_one_of"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _IsOneOf:  # noqa: ARG002
        """Return the condition itself: SQLAlchemy would compare it with 1 for SQLite."""
        return self


@compiles(_IsOneOf)
def _in_json(element: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - both parts are compiled


@compiles(_IsOneOf, "postgresql")
def _in_array(element: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, keys = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY ({keys})"


def is_one_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that a column has one of the values of a parameter.

    Args:
        column: column with integers or texts.
        name: name of the parameter, whose value is a list.
    """
    kind: TypeEngine[Any] = Integer() if isinstance(column.type, Integer) else String()
    return _IsOneOf(column, bindparam(name, type_=_Keys(kind)))
