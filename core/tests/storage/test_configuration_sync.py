"""Synchronization of roles, groups and users from a config file, on every database."""

import pytest

from plughub.domain.clock import utcnow
from plughub.domain.declarations import Declarations, read_groups, read_roles
from plughub.domain.errors import InvalidError
from plughub.domain.roles import DEFAULT_ROLES
from plughub.domain.scopes import ScopeTree
from plughub.services.users.configuration_sync import sync_configuration

TREE = ScopeTree({"custom:lab:read": {"description": "Read the lab"}})


@pytest.fixture
def load(stored):
    def load(*roles, groups=None, extra=(), **people):
        declared = Declarations(
            roles=read_roles(roles, TREE, extra), groups=read_groups(groups or {}), **people
        )
        return stored(lambda tx: sync_configuration(tx, declared))

    return load


def user(stored, name):
    return stored(lambda tx: tx.users.get(name))


def test_only_listed_users_and_groups_hold_a_role(stored, load):
    role = {
        "name": "tutor",
        "scopes": ["read:hub", "custom:lab:read"],
        "users": ["Alice"],
        "groups": ["class"],
    }
    load(role)
    load(role)
    assert user(stored, "alice").roles == ("tutor", "user")
    assert stored(lambda tx: tx.groups.get("class")).roles == ("tutor",)
    load({**role, "users": ["bob"], "groups": []})
    assert user(stored, "alice").roles == ("user",)
    assert user(stored, "bob").roles == ("tutor", "user")
    assert stored(lambda tx: tx.groups.get("class")).roles == ()
    load({"name": "tutor", "scopes": ["read:hub"]})
    assert user(stored, "bob").roles == ("user",)


def test_a_role_that_is_declared_no_more_is_deleted(stored, load):
    load({"name": "tutor", "scopes": ["read:hub"], "users": ["alice"]})
    load()
    assert user(stored, "alice").scopes == {"self"}
    assert [role.name for role in stored(lambda tx: tx.roles.all())] == ["admin", "server", "token", "user"]


def test_default_roles_are_changed_in_part_and_come_back(stored, load):
    stored(lambda tx: tx.user_list.create(["alice"]))
    load({"name": "user", "scopes": ["self", "read:hub"]})
    assert user(stored, "alice").scopes == {"self", "read:hub"}
    stored(lambda tx: tx.roles.add_missing(DEFAULT_ROLES))
    assert user(stored, "alice").scopes == {"self", "read:hub"}
    load(extra=["list:users"])
    assert user(stored, "alice").scopes == {"self", "list:users"}
    load()
    assert user(stored, "alice").scopes == {"self"}


def test_a_holder_of_the_admin_role_is_an_admin(stored, load):
    load({"name": "admin", "users": ["alice"]})
    assert user(stored, "alice").admin
    load()
    assert user(stored, "alice").admin
    load({"name": "admin", "users": ["bob"]})
    assert (user(stored, "alice").admin, user(stored, "bob").admin) == (False, True)


@pytest.mark.parametrize(
    "role",
    [
        {"name": "admin", "scopes": ["self"]},
        {"name": "tutor", "scopes": ["read:hbu"]},
        {"name": "Tutor", "scopes": []},
        {"scopes": []},
        "tutor",
        {"name": "tutor", "scopes": "read:hub"},
        {"name": "tutor", "colour": "red"},
        {"name": "tutor", "users": ["a/b"]},
        {"name": "tutor", "services": ["nothing"]},
    ],
)
def test_roles_that_cannot_be_are_refused(load, role):
    with pytest.raises(InvalidError):
        load(role)


def test_a_role_is_declared_once(load):
    with pytest.raises(InvalidError, match="twice"):
        load({"name": "tutor"}, {"name": "tutor"})


def test_groups_get_members_and_properties_and_keep_others(stored, load):
    load(groups={"class": ["alice"], "staff": {"users": ["bob"], "properties": {"room": 7}}})
    carol = stored(lambda tx: tx.users.create("carol"))
    stored(lambda tx: tx.users.set_groups(carol.id, ["class"]))
    load(groups={"class": ["alice"], "staff": {"properties": {"room": 8}}})
    assert stored(lambda tx: tx.groups.get("class")).users == ("alice", "carol")
    staff = stored(lambda tx: tx.groups.get("staff"))
    assert (staff.users, staff.properties) == (("bob",), {"room": 8})
    for groups in ({"class": "alice"}, {"": []}, {"class": {"colour": 1}}, {"class": {"properties": []}}):
        with pytest.raises(InvalidError):
            load(groups=groups)


def test_listed_admins_are_admins_from_the_start(stored, load):
    load(admins={"pam": {"root"}})
    assert user(stored, "root").admin
    load()
    assert user(stored, "root").admin


def test_a_list_of_names_applies_to_users_of_its_authenticator(stored, load):
    mallory = stored(lambda tx: tx.users.create("mallory"))
    stored(lambda tx: tx.users.add_identity(mallory.id, "ldap", "mallory"))
    load(admins={"": (), "pam": {"mallory"}, "ldap": ()})
    assert not user(stored, "mallory").admin
    load(admins={"": {"mallory"}, "pam": ()})
    assert user(stored, "mallory").admin


def test_a_list_of_names_uses_the_login_names_of_its_authenticator(stored, load):
    def rename(tx):
        for name, new in (("mallory", "root"), ("alice", "alicia")):
            user = tx.users.create(name)
            tx.users.add_identity(user.id, "pam", name, name)
            tx.user_list.rename(user.id, new)
            tx.users.set_admin(user.id, admin=new == "alicia")

    stored(rename)
    load(admins={"pam": {"root"}}, blocked={"pam": {"alice"}})
    assert not user(stored, "root").admin
    assert (user(stored, "alicia").roles, user(stored, "alicia").admin) == ((), False)


def test_a_blocked_user_has_no_permissions_left(stored, load):
    load({"name": "admin", "users": ["alice"]})
    before = user(stored, "alice")
    stored(lambda tx: tx.tokens.create(hashed="x", prefix="abcd", user_id=before.id, client_id=None))
    server = stored(lambda tx: tx.servers.get("alice", ""))
    stored(lambda tx: tx.servers.ready(server.id, utcnow()))
    running = load({"name": "admin"}, blocked={"pam": {"alice", "nobody"}})
    assert [server.full_name for server in running] == ["alice/"]
    after = user(stored, "alice")
    assert (after.roles, after.scopes, after.admin) == ((), frozenset(), False)
    assert after.cookie_id != before.cookie_id
    assert stored(lambda tx: tx.tokens.of_user(before.id)) == []
    assert user(stored, "nobody") is None
    load()
    assert user(stored, "alice").roles == ("user",)
