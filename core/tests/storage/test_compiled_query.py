"""Queries that run on the driver's cursor, on every database: they answer like those of SQLAlchemy."""

import pytest
from sqlalchemy import bindparam, event, exc, not_, or_, select, text

from plughub.domain.clock import utcnow
from plughub.storage import tables
from plughub.storage.compiled_query import CompiledQuery, is_one_of
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
