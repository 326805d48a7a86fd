"""Roles and their holders, on every database."""

from plughub.domain.roles import Role


def grant(stored, role, kind, *names):
    stored(lambda tx: tx.roles.grant(role, kind, names))


def test_roles_are_granted_and_revoked(stored):
    stored(lambda tx: tx.user_list.create(["alice", "bob"]))
    stored(lambda tx: tx.roles.ensure([Role(name="tutor", scopes=("read:hub",))]))
    grant(stored, "tutor", "user", "alice", "nobody")
    grant(stored, "tutor", "user", "alice", "bob")
    assert stored(lambda tx: tx.roles.holders("tutor", "user")) == {"alice", "bob"}
    assert stored(lambda tx: tx.users.get("alice")).scopes == {"self", "read:hub"}
    stored(lambda tx: tx.roles.revoke("tutor", "user", ["alice"]))
    assert stored(lambda tx: tx.roles.holders("tutor", "user")) == {"bob"}


def test_members_of_a_group_have_its_roles(stored):
    alice = stored(lambda tx: tx.users.create("alice"))
    stored(lambda tx: tx.users.set_groups(alice.id, ["class"]))
    stored(lambda tx: tx.roles.ensure([Role(name="tutor", scopes=("read:hub",))]))
    grant(stored, "tutor", "group", "class")
    found = stored(lambda tx: tx.users.get("alice"))
    assert (found.roles, found.scopes) == (("user",), {"self", "read:hub"})


def test_roles_that_are_no_longer_listed_are_deleted(stored):
    stored(lambda tx: tx.roles.ensure([Role(name="old"), Role(name="theirs", managed_by_auth=True)]))
    assert stored(lambda tx: tx.roles.keep_only(["user", "admin", "server", "token"])) == ["old"]
    names = [role.name for role in stored(lambda tx: tx.roles.all())]
    assert names == ["admin", "server", "theirs", "token", "user"]
    assert ("role", "old") in [(topic, key) for _, topic, key in stored(lambda tx: tx.changes.since(0))]


def test_users_without_a_role_are_found(stored):
    stored(lambda tx: tx.user_list.create(["alice", "bob"]))
    stored(lambda tx: tx.roles.revoke("user", "user", ["bob"]))
    assert stored(lambda tx: tx.roles.users_without_roles()) == ["bob"]
