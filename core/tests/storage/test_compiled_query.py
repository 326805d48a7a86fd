"""Statements that run on the driver's cursor, on every database: they act like those of SQLAlchemy."""

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Table,
    bindparam,
    delete,
    event,
    exc,
    insert,
    not_,
    or_,
    select,
    text,
    update,
)

from plughub.domain.clock import utcnow
from plughub.storage import tables
from plughub.storage.compiled_query import CompiledQuery, CompiledWrite, is_one_of
from plughub.storage.schema import prepare_schema

USERS = tables.users.c
EVERYTHING = select(tables.users, tables.user_role_map.c.role_id).join(
    tables.user_role_map, tables.user_role_map.c.user_id == USERS.id
)


@pytest.fixture
def people(stored):
    stored(lambda tx: tx.user_list.create(["alice", "bob", "carol"]))
    key = stored(lambda tx: tx.users.get("bob")).id
    stored(lambda tx: tx.users.update(key, last_activity=utcnow(), user_info={"a": [1, None, "é"]}))
    return stored


def names(people, condition, **values):
    query = CompiledQuery(select(USERS.name).where(condition).order_by(USERS.name))
    return [row.name for row in people.database.run(lambda connection: query.all(connection, values))]


def test_parameters_and_columns_are_converted_as_usual(people):
    statement = EVERYTHING.where(USERS.created <= bindparam("now"), USERS.name == bindparam("name"))
    values = {"now": utcnow(), "name": "bob"}

    def both(connection):
        usual = connection.execute(statement, values).one()
        return CompiledQuery(statement).first(connection, values), usual

    row, usual = people.database.run(both)
    assert tuple(row) == tuple(usual)
    assert row.user_info == {"a": [1, None, "é"]}
    assert row.last_activity.tzinfo is not None


def test_null_is_none_in_every_type(people):
    row = people.database.run(lambda it: CompiledQuery(EVERYTHING.where(USERS.name == "alice")).first(it))
    assert row.last_activity is None
    assert row.user_info is None


def test_without_a_row_the_first_one_is_none(people):
    query = CompiledQuery(EVERYTHING.where(USERS.name == "nobody"))
    assert people.database.run(query.first) is None


def test_a_list_is_one_parameter(people):
    keys = {user.name: user.id for user in people(lambda tx: tx.user_list.by_ids([1, 2, 3]))}
    assert names(people, is_one_of(USERS.name, "these"), these=["alice", "carol", "x'y"]) == [
        "alice",
        "carol",
    ]
    assert names(people, is_one_of(USERS.id, "these"), these=[keys["bob"]]) == ["bob"]
    assert names(people, is_one_of(USERS.id, "these"), these=[]) == []
    assert names(people, not_(is_one_of(USERS.id, "these")), these=[keys["bob"]]) == ["alice", "carol"]
    either = or_(USERS.name == "bob", is_one_of(USERS.id, "these"))
    assert names(people, either, these=[keys["alice"]]) == ["alice", "bob"]


def test_the_text_of_a_query_does_not_depend_on_the_length_of_a_list(people):
    texts = set()
    event.listen(people.database.engine, "before_cursor_execute", lambda *call: texts.add(call[2]))
    for length in (1, 3, 400):
        names(people, is_one_of(USERS.id, "these"), these=list(range(length)))
    assert len(texts) == 1


def test_a_mistake_is_raised_as_usual(people):
    statement = select(text("missing")).select_from(tables.users)
    raised = []
    for run in (CompiledQuery(statement).all, lambda connection: connection.execute(statement)):
        with people.database.engine.connect() as connection, pytest.raises(exc.DBAPIError) as found:
            run(connection)
        raised.append((type(found.value), str(found.value.orig), found.value.connection_invalidated))
    assert raised[0] == raised[1]


@pytest.mark.postgresql
def test_a_lost_connection_is_noticed_and_the_query_repeated(postgresql, make_stored):
    url = postgresql.new_database()
    prepare_schema(url)
    database = make_stored(url).database
    tries, lost = [], []

    def work(connection):
        tries.append(1)
        if len(tries) == 1:
            pid = connection.connection.driver_connection.info.backend_pid
            with database.engine.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        try:
            return CompiledQuery(select(USERS.name)).all(connection)
        except exc.DBAPIError as error:
            lost.append(error.connection_invalidated and connection.invalidated)
            raise

    assert database.run(work) == []
    assert len(tries) == 2
    assert lost == [True]


def test_events_of_the_cursor_are_emitted(people):
    moments = []
    for moment in ("before_cursor_execute", "after_cursor_execute"):
        event.listen(people.database.engine, moment, lambda *_, moment=moment: moments.append(moment))
    people.database.run(CompiledQuery(EVERYTHING).all)
    assert moments == ["before_cursor_execute", "after_cursor_execute"]


OPERATION = {
    "user_id": 1,
    "kind": "start",
    "phase": "launch",
    "backend": "",
    "created": 1.5,
    "phase_since": 1.5,
    "progress": [],
    "failure": None,
    "options_before": {"cpu": "é"},
}
"""Columns of an operation; the table has defaults for others."""


def test_a_row_is_inserted_as_usual_with_the_defaults_of_its_table(people):
    added = CompiledWrite(insert(tables.operations).returning(tables.operations.c.id))
    keys = [people(lambda tx, key=key: tx.servers.create(key, "lab")).id for key in (1, 2)]

    def both(connection):
        returned = added.run(connection, {"id": "compiled", "spawner_id": keys[0], **OPERATION})
        connection.execute(insert(tables.operations), {"id": "usual", "spawner_id": keys[1], **OPERATION})
        stored = select(tables.operations).order_by(tables.operations.c.id)
        return returned, connection.execute(stored).all()

    returned, (compiled, usual) = people.database.run(both)
    assert [row.id for row in returned.rows] == [returned.first.id] == ["compiled"]
    assert compiled[2:] == usual[2:]
    assert (compiled.cancelled, compiled.holder, compiled.attempts) == (False, "", 0)


def test_columns_are_set_to_values_and_expressions(people):
    named = update(tables.users).where(USERS.name == bindparam("named"))
    touched = CompiledWrite(named.values(admin=not_(USERS.admin)).returning(USERS.last_activity, USERS.admin))
    renamed = CompiledWrite(named)
    now = utcnow()

    def work(connection):
        first = touched.run(connection, {"named": "bob", "last_activity": now}).first
        changed = renamed.run(connection, {"named": "bob", "name": "bert", "user_info": None}).changed
        row = connection.execute(
            select(USERS.name, USERS.last_activity, USERS.user_info).where(USERS.name == "bert")
        )
        return first, changed, row.one()

    first, changed, row = people.database.run(work)
    assert (first.last_activity, first.admin) == (now, True)
    assert changed == 1
    assert tuple(row) == ("bert", now, None)


def test_changed_rows_are_counted(people):
    removed = CompiledWrite(delete(tables.users).where(is_one_of(USERS.name, "these")))

    def work(connection):
        return [removed.run(connection, {"these": these}) for these in ([], ["nobody"], ["alice", "carol"])]

    results = people.database.run(work)
    assert [result.changed for result in results] == [0, 0, 2]
    assert [(result.rows, result.first) for result in results] == [([], None)] * 3


def test_a_broken_constraint_is_raised_as_usual(people):
    double = insert(tables.users)
    values = {"name": "bob", "cookie_id": "x"}
    raised = []
    for run in (CompiledWrite(double).run, lambda connection, row: connection.execute(double, row)):
        with people.database.engine.connect() as connection, pytest.raises(exc.IntegrityError) as found:
            run(connection, values)
        raised.append(str(found.value.orig).splitlines()[0])
    assert raised[0] == raised[1]


def test_what_cannot_be_compiled_once_is_refused(people):
    computed = Table("computed", MetaData(), Column("id", Integer), Column("at", Integer, default=lambda: 1))
    several = delete(tables.users).where(USERS.id.in_(bindparam("keys", expanding=True)))
    for write, values in ((insert(computed), {"id": 1}), (several, {"keys": [1]})):
        with people.database.engine.connect() as connection, pytest.raises(TypeError):
            CompiledWrite(write).run(connection, values)


def test_only_requested_columns_are_returned(people):
    added = CompiledWrite(insert(tables.users))
    result = people.database.run(lambda it: added.run(it, {"name": "dora", "cookie_id": "x"}))
    assert (result.rows, result.first, result.changed) == ([], None, 1)


def test_a_missing_parameter_is_an_error_instead_of_null(people):
    found = CompiledQuery(select(USERS.id).where(USERS.name == bindparam("name")))
    for run in (found.all, CompiledWrite(delete(tables.users).where(USERS.name == bindparam("name"))).run):
        with people.database.engine.connect() as connection, pytest.raises((KeyError, exc.ProgrammingError)):
            run(connection, {})
