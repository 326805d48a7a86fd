"""Lists of users, on every database."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from plughub.domain.clock import utcnow
from plughub.domain.errors import ConflictError
from plughub.domain.scopes import ScopeCoverage
from plughub.domain.servers import OperationKind
from plughub.domain.users import ServerState, UserQuery


@pytest.fixture
def people(stored):
    stored(lambda tx: tx.user_list.create(["alice", "bob", "carol", "dave_1"]))
    return stored


def names(stored, **query):
    users = stored(lambda tx: tx.user_list.page(UserQuery(**query)))
    assert len(users) == stored(lambda tx: tx.user_list.count(UserQuery(**query))) or query.get("offset")
    return [user.name for user in users]


def key_of(stored, name):
    return stored(lambda tx: tx.users.get(name)).id


def run(stored, name):
    server = stored(lambda tx: tx.servers.get(name, ""))
    stored(lambda tx: tx.servers.mark_ready(server.id, utcnow()))
    return server


def test_listed_users_are_the_same_as_single_ones(people):
    key = key_of(people, "bob")
    people(lambda tx: tx.users.set_groups(key, ["b", "a"]))
    people(lambda tx: tx.users.set_admin(key, True))
    for user in people(lambda tx: tx.user_list.page(UserQuery())):
        assert user == people(lambda tx, name=user.name: tx.users.get(name))


def test_existing_users_are_not_stored_again(people):
    keys = people(lambda tx: tx.user_list.create(["erin", "bob", "erin", "frank"]))
    assert [user.name for user in people(lambda tx: tx.user_list.by_ids(keys))] == ["erin", "frank"]
    assert people(lambda tx: tx.servers.get("erin", "")) is not None
    assert people(lambda tx: tx.user_list.known(["erin", "nobody"])) == {"erin"}


def test_more_users_than_one_statement_takes_are_stored(stored):
    assert len(stored(lambda tx: tx.user_list.create([f"user{number}" for number in range(1200)]))) == 1200
    assert stored(lambda tx: tx.user_list.count(UserQuery())) == 1200


def test_a_part_of_a_name_finds_users_and_wildcards_are_literal(people):
    assert names(people, name_filter="A") == ["alice", "carol", "dave_1"]
    assert names(people, name_filter="_") == ["dave_1"]
    assert names(people, name_filter="%") == []


def test_users_come_in_order_and_those_who_were_never_active_first(people):
    now = utcnow()
    for name, age in (("carol", 1), ("alice", 2)):
        key = key_of(people, name)
        people(lambda tx, key=key, age=age: tx.users.update(key, last_activity=now - timedelta(hours=age)))
    assert names(people, sort="last_activity") == ["bob", "dave_1", "alice", "carol"]
    assert names(people, sort="last_activity", descending=True) == ["carol", "alice", "bob", "dave_1"]
    assert names(people, sort="name", descending=True, offset=1, limit=2) == ["carol", "bob"]


def test_users_by_the_state_of_their_servers(people):
    run(people, "alice")
    server = run(people, "bob")
    people(lambda tx: tx.operations.begin(server, OperationKind.STOP, backend="x"))
    waiting = people(lambda tx: tx.servers.get("carol", ""))
    people(lambda tx: tx.operations.begin(waiting, OperationKind.START, backend="x"))
    assert names(people, state=ServerState.ACTIVE) == ["alice", "bob", "carol"]
    assert names(people, state=ServerState.READY) == ["alice"]
    assert names(people, state=ServerState.INACTIVE) == ["dave_1"]


def test_only_users_within_the_coverage_are_listed(people):
    key = key_of(people, "bob")
    people(lambda tx: tx.users.set_groups(key, ["class"]))
    reach = ScopeCoverage(users=frozenset({"alice", "nobody"}), groups=frozenset({"class"}))
    assert names(people, within=reach) == ["alice", "bob"]
    assert names(people, within=ScopeCoverage()) == []


def test_the_number_of_statements_does_not_grow_with_the_page(stored):
    stored(lambda tx: tx.user_list.create([f"user{number}" for number in range(120)]))
    counted = []

    def count(limit):
        del counted[:]
        stored(lambda tx: tx.user_list.page(UserQuery(limit=limit)))
        users = stored(lambda tx: tx.user_list.page(UserQuery(limit=limit)))
        stored(lambda tx: tx.servers.of_users([user.id for user in users], stopped=True))
        return len(counted)

    event.listen(stored.database.engine, "before_cursor_execute", lambda *_: counted.append(1))
    assert count(2) == count(100)


def test_a_name_in_use_is_refused(people):
    key = key_of(people, "bob")
    with pytest.raises(ConflictError):
        people(lambda tx: tx.user_list.rename(key, "alice"))
    people(lambda tx: tx.user_list.rename(key, "robert"))
    assert people(lambda tx: tx.users.by_id(key)).name == "robert"


def test_a_deleted_user_leaves_no_rows(people):
    key = key_of(people, "bob")
    people(lambda tx: tx.users.set_groups(key, ["class"]))
    people(lambda tx: tx.users.add_identity(key, "pam", "bob"))
    people(lambda tx: tx.user_list.delete(key))
    assert people(lambda tx: tx.users.get("bob")) is None
    assert people(lambda tx: tx.servers.get("bob", "")) is None
    assert people(lambda tx: tx.users.identity_owner("pam", "bob")) is None
    assert ("user", str(key)) in [(topic, key) for _, topic, key in people(lambda tx: tx.changes.since(0))]
