"""Synchronization of roles, groups and users from a config file, on every database."""

import pytest

from plughub.domain.clock import utcnow
from plughub.domain.declarations import Declarations, read_groups, read_roles, read_user_tokens
from plughub.domain.errors import InvalidError
from plughub.domain.roles import DEFAULT_ROLES
from plughub.domain.scopes import ScopeTree
from plughub.domain.service_specs import read_services
from plughub.domain.tokens import hash_token
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.tokens.configured_tokens import NOTE
from plughub.services.users.configuration_sync import sync_configuration

CULLER = {"name": "culler", "api_token": "of-the-culler"}
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


def test_a_role_that_is_no_longer_declared_is_deleted(stored, load):
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
def test_invalid_roles_are_refused(load, role):
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
    stored(lambda tx: tx.servers.mark_ready(server.id, utcnow()))
    running = load({"name": "admin"}, blocked={"pam": {"alice", "nobody"}})
    assert [server.full_name for server in running] == ["alice/"]
    after = user(stored, "alice")
    assert (after.roles, after.scopes, after.admin) == ((), frozenset(), False)
    assert after.cookie_id != before.cookie_id
    assert stored(lambda tx: tx.tokens.of_user(before.id)) == []
    assert user(stored, "nobody") is None
    load()
    assert user(stored, "alice").roles == ("user",)


TOKEN = "of-ann-in-the-configuration"


@pytest.fixture
def load_tokens(stored, load):
    stored(store_initial_records)
    return load


def key_of(stored, token):
    return stored(lambda tx: tx.tokens.matching(token[:4], token))


def hashes(stored, token):
    return [hashed for hashed, _ in stored(lambda tx: tx.tokens.candidates(token[:4]))]


def test_listed_tokens_belong_to_users_until_they_are_no_longer_listed(stored, load_tokens):
    load_tokens(tokens=read_user_tokens({TOKEN: "Ann"}))
    key = key_of(stored, TOKEN)
    token = stored(lambda tx: tx.tokens.by_id(key))
    assert (token.owner, token.scopes) == ("ann", {"inherit"})
    load_tokens(tokens=read_user_tokens({TOKEN: "ann"}))
    assert key_of(stored, TOKEN) == key
    load_tokens()
    assert key_of(stored, TOKEN) is None
    assert user(stored, "ann") is not None


@pytest.mark.parametrize("note", ["mine", NOTE])
def test_tokens_that_users_made_are_kept(stored, load_tokens, note):
    ann = stored(lambda tx: tx.users.create("ann"))
    mine = {"hashed": hash_token(TOKEN), "prefix": TOKEN[:4], "user_id": ann.id, "note": note}
    stored(lambda tx: tx.tokens.create(**mine))
    load_tokens()
    load_tokens(tokens={TOKEN: "ann"})
    load_tokens()
    assert key_of(stored, TOKEN) is not None


def test_a_later_token_with_the_id_of_a_listed_one_is_kept(stored, load_tokens):
    load_tokens(tokens={TOKEN: "ann"})
    key, ann = key_of(stored, TOKEN), user(stored, "ann")
    stored(lambda tx: tx.tokens.delete([key]))
    own = "made-by-ann"
    made = stored(
        lambda tx: tx.tokens.create(hashed=hash_token(own), prefix=own[:4], user_id=ann.id, note=NOTE)
    )
    load_tokens()
    assert key_of(stored, own) == made.id


def test_a_listed_token_of_another_user_or_service_is_refused_without_being_shown(stored, load_tokens):
    load_tokens(tokens={TOKEN: "ann"})
    for tokens, services in (({TOKEN: "bob"}, ()), ({"of-the-culler": "ann"}, read_services([CULLER]))):
        with pytest.raises(InvalidError, match="already belongs to") as refused:
            load_tokens(tokens=tokens, services=services)
        assert not set(tokens) & set(refused.value.message.split())
    assert stored(lambda tx: tx.tokens.by_id(key_of_tx(tx))).owner == "ann"


def key_of_tx(tx):
    return tx.tokens.matching(TOKEN[:4], TOKEN)


@pytest.mark.parametrize("given", [{"short": "ann"}, {"x" * 65: "ann"}, {TOKEN: "a/b"}])
def test_invalid_listed_tokens_are_refused_without_being_shown(given):
    with pytest.raises(InvalidError) as refused:
        read_user_tokens(given)
    assert not set(given) & set(refused.value.message.split())


@pytest.mark.parametrize(("trusted", "rounds"), [(False, "16384"), (True, "1")])
def test_trusted_tokens_are_hashed_once(stored, load_tokens, trusted, rounds):
    load_tokens(tokens={TOKEN: "ann"}, services=read_services([CULLER]), trust_tokens=trusted)
    for token in (TOKEN, CULLER["api_token"]):
        [hashed] = hashes(stored, token)
        assert hashed.split(":")[1] == rounds


def test_a_blocked_user_keeps_no_listed_token(stored, load_tokens):
    load_tokens(tokens={TOKEN: "ann"}, blocked={"": {"ann"}})
    assert key_of(stored, TOKEN) is None
