from datetime import timedelta

import pytest
from sqlalchemy import event

from plughub.domain.clock import utcnow


def test_a_new_user_has_the_default_role_and_the_default_server(stored):
    user = stored(lambda tx: tx.users.create("alice"))
    assert (user.name, user.roles, user.scopes, user.admin) == ("alice", ("user",), {"self"}, False)
    assert [server.name for server in stored(lambda tx: tx.servers.of_user(user.id))] == [""]


def test_a_user_is_found_by_name_key_and_cookie(stored):
    user = stored(lambda tx: tx.users.create("alice"))
    found = stored(
        lambda tx: (tx.users.get("alice"), tx.users.by_id(user.id), tx.users.by_cookie_id(user.cookie_id))
    )
    assert found == (user, user, user)
    assert stored(lambda tx: tx.users.get("bob")) is None


def test_admin_is_a_role_and_a_flag(stored):
    user = stored(lambda tx: tx.users.create("alice"))
    stored(lambda tx: tx.users.set_admin(user.id, True))
    stored(lambda tx: tx.users.set_admin(user.id, True))
    assert stored(lambda tx: tx.users.get("alice")).roles == ("admin", "user")
    stored(lambda tx: tx.users.set_admin(user.id, False))
    assert stored(lambda tx: tx.users.get("alice")).admin is False


def test_groups_are_replaced_as_a_whole(stored):
    user = stored(lambda tx: tx.users.create("alice"))
    stored(lambda tx: tx.users.set_groups(user.id, {"b", "a"}))
    stored(lambda tx: tx.users.set_groups(user.id, {"b", "c"}))
    assert stored(lambda tx: tx.users.get("alice")).groups == ("b", "c")
    stored(lambda tx: tx.users.set_groups(user.id, ()))
    assert stored(lambda tx: tx.users.get("alice")).groups == ()


def test_activity_only_moves_forward(stored):
    user = stored(lambda tx: tx.users.create("alice"))
    now = utcnow()
    for moment in (now, now - timedelta(hours=1)):
        stored(lambda tx, moment=moment: tx.users.update(user.id, last_activity=moment))
    assert stored(lambda tx: tx.users.get("alice")).last_activity == now


def test_an_identity_belongs_to_one_user(stored):
    alice, bob = stored(lambda tx: (tx.users.create("alice"), tx.users.create("bob")))
    stored(lambda tx: tx.users.add_identity(alice.id, "pam", "alice"))
    stored(lambda tx: tx.users.add_identity(bob.id, "pam", "alice"))
    assert stored(lambda tx: tx.users.identity_owner("pam", "alice")) == alice.id
    assert stored(lambda tx: tx.users.identities(bob.id)) == []


def test_a_new_cookie_id_logs_out_and_invalidates_caches(stored):
    user = stored(lambda tx: tx.users.create("alice"))
    stored(lambda tx: tx.users.new_cookie_id(user.id))
    assert stored(lambda tx: tx.users.by_cookie_id(user.cookie_id)) is None
    assert ("user", str(user.id)) in [
        (topic, key) for _, topic, key in stored(lambda tx: tx.changes.since(0))
    ]


def test_a_failed_transaction_leaves_no_rows(stored):
    def fail(tx):
        tx.users.create("alice")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        stored(fail)
    assert stored(lambda tx: tx.users.get("alice")) is None


def test_identities_are_transferred_unless_the_subject_belongs_to_another_user(stored):
    alice, bob, carol = stored(lambda tx: [tx.users.create(name) for name in ("alice", "bob", "carol")])

    def know(tx):
        for user, plugin, subject in (
            (alice, "Strict", "alice"), (bob, "Strict", "bob"), (bob, "pam", "bob"),
            (carol, "Strict", "carol"), (alice, "pam", "carol"),
        ):  # fmt: skip
            tx.users.add_identity(user.id, plugin, subject, subject)

    stored(know)
    for _ in range(2):
        stored(lambda tx: tx.plugin_owners.hand_over_identities("Strict", "pam"))
        found = stored(lambda tx: {user.name: tx.users.identities(user.id) for user in (alice, bob, carol)})
        known = {name: sorted((row.plugin, row.subject) for row in rows) for name, rows in found.items()}
        assert known == {
            "alice": [("pam", "alice"), ("pam", "carol")],
            "bob": [("pam", "bob")],
            "carol": [("Strict", "carol")],
        }


def test_reading_a_user_does_not_ask_the_database_for_the_time(stored):
    stored(lambda tx: tx.users.create("alice"))
    statements = []
    event.listen(stored.database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    assert stored(lambda tx: tx.servers.of_user(tx.users.get("alice").id))
    assert len(statements) == 3
