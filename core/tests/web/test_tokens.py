"""API tokens of users."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from plughub.domain.declarations import Declarations, read_roles
from plughub.domain.roles import Role
from plughub.domain.scopes import ScopeTree
from plughub.domain.service_specs import read_services
from plughub.services.users.configuration_sync import sync_configuration


def model(answer):
    return json.loads(answer.body)


async def service_with(hub, *scopes):
    """Return a client of a service with some scopes."""
    role = {"name": "portal-role", "scopes": list(scopes), "services": ["portal"]}
    declared = Declarations(
        roles=read_roles([role], ScopeTree()),
        services=read_services([{"name": "portal", "api_token": "the-token-of-the-portal"}]),
    )
    await hub.store.write(lambda tx: sync_configuration(tx, declared))
    return hub.browser(Authorization="token the-token-of-the-portal")


async def test_create_list_and_revoke_tokens(hub):
    program = await hub.program()
    made = await program.post(
        "/hub/api/users/alice/tokens", model={"note": "mine", "expires_in": 60, "scopes": ["read:users!user"]}
    )
    assert made.code == 201
    token = model(made)
    assert len(token["token"]) == 32
    assert token["note"] == "mine"
    assert token["expires_at"]
    assert "read:users:groups!user=alice" in token["scopes"]
    listed = model(await program.get("/hub/api/users/alice/tokens"))["api_tokens"]
    assert [one["note"] for one in listed] == ["Requested via api", "mine"] or len(listed) == 2
    assert "token" not in listed[0]
    one = model(await program.get(f"/hub/api/users/alice/tokens/{token['id']}"))
    assert one["id"] == token["id"]
    assert (await program.delete(f"/hub/api/users/alice/tokens/{token['id']}")).code == 204
    assert (await program.get(f"/hub/api/users/alice/tokens/{token['id']}")).code == 404


@pytest.mark.parametrize("token_id", ["7", "a", "ax", "a99", "a" + "9" * 40, "a١"])
async def test_invalid_token_id_is_not_found(hub, token_id):
    program = await hub.program()
    assert (await program.delete(f"/hub/api/users/alice/tokens/{quote(token_id)}")).code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in": 0},
        {"expires_in": -1},
        {"expires_in": "60"},
        {"expires_in": True},
        {"note": 7},
        {"scopes": "read:users"},
        {"scopes": ["no:such:scope"]},
        {"scopes": ["admin:users"]},
        {"roles": ["admin"]},
        {"roles": ["nothing"]},
        {"roles": ["n" * 1000]},
    ],
)
async def test_invalid_token_is_refused(hub, body):
    answer = await (await hub.program()).post("/hub/api/users/alice/tokens", model=body)
    assert answer.code == 400
    assert model(answer)["message"]


PORTALS = [
    # scopes of the creator, scopes of a token created without scopes
    ("tokens", {"tokens!user=alice", "read:tokens!user=alice"}),
    ("tokens!user=alice", {"tokens!user=alice", "read:tokens!user=alice"}),
    ("tokens!group=class", {"tokens!user=alice", "read:tokens!user=alice"}),
    ("tokens read:servers read:hub", {"tokens!user=alice", "read:servers!user=alice"}),
    ("tokens admin:users admin:servers", {"servers!user=alice", "read:users!user=alice"}),
    ("tokens admin:users admin:servers access:servers shares", {"access:servers!user=alice"}),
]


IDENTIFY = {"read:users:name!user=alice", "read:users:groups!user=alice"}
"""What every token of alice may do: tell whose it is."""


@pytest.mark.parametrize(("held", "expected"), PORTALS)
@pytest.mark.parametrize("body", [{}, {"scopes": None}, {"note": "of the portal"}, None])
async def test_token_without_scopes_has_common_scopes_of_owner_and_creator(hub, held, expected, body):
    user = await hub.user("alice")
    await hub.store.write(lambda tx: (tx.groups.create(["class"]), tx.users.set_groups(user.id, ["class"])))
    portal = await service_with(hub, *held.split())
    made = await portal.post("/hub/api/users/alice/tokens", model=body)
    assert made.code == 201, made.body
    scopes = set(model(made)["scopes"])
    assert expected <= scopes
    may = model(await portal.get("/hub/api/user"))["scopes"]
    names = {scope.partition("!")[0] for scope in may}
    assert {scope.partition("!")[0] for scope in scopes - IDENTIFY} <= names
    assert all(scope.endswith("!user=alice") for scope in scopes)
    holder = hub.browser(Authorization=f"token {model(made)['token']}")
    assert set(model(await holder.get("/hub/api/user"))["scopes"]) == scopes


async def test_token_created_by_portal_never_exceeds_portal(hub):
    user = await hub.user("alice")
    portal = await service_with(hub, "tokens", "admin:users", "admin:servers", "access:servers", "shares")
    made = model(await portal.post("/hub/api/users/alice/tokens", model={}))
    assert "servers!user=alice" in made["scopes"]
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, admin=True))
    holder = hub.browser(Authorization=f"token {made['token']}")
    assert (await holder.post("/hub/api/shutdown")).code == 403
    assert hub.shutdowns == []


async def test_token_created_by_owner_or_admin_follows_owner(hub):
    user = await hub.user("alice")
    makers = {"owner": await hub.program("alice"), "admin": await hub.admin()}
    for maker in makers.values():
        assert (await maker.post("/hub/api/users/alice/tokens", model={})).code == 201
    limited = await hub.program("alice", "self")
    assert (await limited.post("/hub/api/users/alice/tokens", model={})).code == 201
    stored = await hub.store.read(lambda tx: tx.tokens.of_user(user.id))
    scopes = [tuple(record.scopes) for record in stored]
    assert scopes.count(("inherit",)) == 1 + len(makers)


async def test_limited_token_does_not_grow_with_owner_or_creator(hub):
    user = await hub.user("alice")
    portal = await service_with(hub, "tokens", "read:hub")
    token = model(await portal.post("/hub/api/users/alice/tokens", model={}))["token"]
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, admin=True))
    await service_with(hub, "tokens", "read:hub", "admin:users")
    holder = hub.browser(Authorization=f"token {token}")
    assert (await holder.get("/hub/api/info")).code == 403
    assert (await holder.delete("/hub/api/users/alice")).code == 403
    stored = await hub.store.read(lambda tx: tx.tokens.of_user(user.id))
    assert [tuple(record.scopes) for record in stored] == [("tokens!user=alice",)]


@pytest.mark.parametrize("scopes", [["inherit"], ["servers!user"], ["self"]])
async def test_scopes_beyond_creator_are_refused_and_named(hub, scopes):
    await hub.user("alice")
    portal = await service_with(hub, "tokens")
    answer = await portal.post("/hub/api/users/alice/tokens", model={"scopes": scopes})
    assert answer.code == 403
    assert "servers!user=alice" in model(answer)["message"]


@pytest.mark.parametrize("key", ["username", "password", "description", "x" * 1000])
async def test_unrelated_key_in_body_is_ignored(hub, key):
    made = await (await hub.program()).post("/hub/api/users/alice/tokens", model={"note": "mine", key: 1})
    assert (made.code, model(made).get("note")) == (201, "mine")


@pytest.mark.parametrize("key", ["scope", "role", "expires", "expiry_in"])
async def test_misspelt_limit_is_refused(hub, key):
    answer = await (await hub.program()).post("/hub/api/users/alice/tokens", model={key: ["self"]})
    assert (answer.code, key in model(answer)["message"]) == (400, True)


async def test_token_cannot_exceed_creator(hub):
    program = await hub.program("alice", "tokens!user")
    made = model(await program.post("/hub/api/users/alice/tokens", model={}))
    identify = {"read:users:name!user=alice", "read:users:groups!user=alice"}
    assert set(made["scopes"]) == {"tokens!user=alice", "read:tokens!user=alice"} | identify
    answer = await program.post("/hub/api/users/alice/tokens", model={"scopes": ["servers!user"]})
    assert answer.code == 403
    answer = await program.post("/hub/api/users/alice/tokens", model={"scopes": ["read:tokens!user"]})
    assert answer.code == 201


async def test_default_note_names_creator(hub):
    await hub.user("alice")
    asked = [await hub.program(), await hub.admin()]
    notes = [model(await one.post("/hub/api/users/alice/tokens", model={}))["note"] for one in asked]
    assert notes == ["Requested via api", "Requested via api by user root"]


async def test_token_role_limits_default_scopes(hub):
    program = await hub.program()
    await hub.store.write(
        lambda tx: tx.roles.ensure([Role(name="token", scopes=("read:users:name!user", "read:hub"))])
    )
    made = model(await program.post("/hub/api/users/alice/tokens", model={}))
    assert set(made["scopes"]) == IDENTIFY
    whole = model(await program.post("/hub/api/users/alice/tokens", model={"scopes": ["inherit"]}))
    assert "servers!user=alice" in whole["scopes"]


async def test_older_clients_request_scopes_by_role_name(hub):
    program = await hub.program()
    await hub.store.write(
        lambda tx: tx.roles.ensure([Role(name="reader", scopes=("read:users:name!user", "read:tokens!user"))])
    )
    made = model(await program.post("/hub/api/users/alice/tokens", model={"roles": ["reader"]}))
    assert set(made["scopes"]) == IDENTIFY | {"read:tokens!user=alice"}


@pytest.mark.parametrize("body", [{"scopes": []}, {"roles": []}, {"scopes": ["read:users:name!user"]}])
async def test_token_without_scopes_of_its_own_only_identifies_its_owner(hub, body):
    program = await hub.program()
    made = model(await program.post("/hub/api/users/alice/tokens", model=body))
    assert set(made["scopes"]) == IDENTIFY
    listed = model(await program.get("/hub/api/users/alice/tokens"))["api_tokens"]
    assert IDENTIFY in [set(one["scopes"]) for one in listed]
    holder = hub.browser(Authorization=f"token {made['token']}")
    assert set(model(await holder.get("/hub/api/user"))["scopes"]) == IDENTIFY
    shown = model(await holder.get("/hub/api/users/alice"))
    assert "name" in shown
    assert "created" not in shown


async def test_token_errors_do_not_reveal_users(hub):
    await hub.user("bob")
    program = await hub.program()
    refusals = [await program.post(f"/hub/api/users/{name}/tokens", model={}) for name in ("bob", "nobody")]
    assert [answer.code for answer in refusals] == [403, 403]
    messages = [model(a)["message"].replace("bob", "?").replace("nobody", "?") for a in refusals]
    assert messages[0] == messages[1]


async def test_token_lifetime_is_limited_by_settings(make_hub):
    hub = await make_hub(token_expires_in_max_seconds=3600)
    program = await hub.program()
    made = model(await program.post("/hub/api/users/alice/tokens", model={}))
    assert made["expires_at"]
    answer = await program.post("/hub/api/users/alice/tokens", model={"expires_in": 3601})
    assert answer.code == 400


async def test_request_with_known_token_needs_no_query(hub, monkeypatch):
    program = await hub.program()
    await program.get("/hub/api/user")

    async def refuse(_work):
        raise AssertionError("the database was asked")

    monkeypatch.setattr(hub.store.database, "read", refuse)
    monkeypatch.setattr(hub.store.database, "write", refuse)
    assert (await program.get("/hub/api/user")).code == 200
