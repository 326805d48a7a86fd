"""Groups in the API."""

from __future__ import annotations

import json

import pytest

from plughub.domain.roles import Role

GROUPS = "/hub/api/groups"
CLASS = f"{GROUPS}/class"


def model(answer):
    return json.loads(answer.body)


async def test_group_life_cycle(hub):
    admin = await hub.admin()
    await hub.user("alice")
    await hub.user("bob")
    assert (await admin.post(CLASS, model={"users": ["Alice"]})).code == 201
    assert (await admin.post(CLASS)).code == 409
    added = await admin.post(f"{CLASS}/users", model={"users": ["bob"]})
    assert (added.code, model(added)["users"]) == (200, ["alice", "bob"])
    removed = await admin.ask("DELETE", f"{CLASS}/users", model={"users": ["alice"]})
    assert (removed.code, model(removed)["users"]) == (200, ["bob"])
    noted = await admin.ask("PUT", f"{CLASS}/properties", model={"room": 7})
    assert (noted.code, model(noted)["properties"]) == (200, {"room": 7})
    shown = {"kind": "group", "name": "class", "roles": [], "users": ["bob"], "properties": {"room": 7}}
    assert model(await admin.get(CLASS)) == shown
    assert (await admin.delete(CLASS)).code == 204
    assert (await admin.get(CLASS)).code == 404


async def test_several_groups_are_created_atomically(hub):
    admin = await hub.admin()
    assert (await admin.post(GROUPS, model={"groups": ["a", "b"], "users": ["root"]})).code == 201
    assert (await admin.post(GROUPS, model={"groups": ["c", "a"]})).code == 409
    assert [group["name"] for group in model(await admin.get(GROUPS))] == ["a", "b"]
    pages = {"Accept": "application/jupyterhub-pagination+json"}
    page = model(await admin.get(f"{GROUPS}?limit=1", headers=pages))
    assert (page["items"][0]["users"], page["_pagination"]["total"]) == (["root"], 2)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", GROUPS, {}),
        ("POST", GROUPS, {"groups": "a"}),
        ("POST", GROUPS, {"groups": ["x" * 300]}),
        ("POST", GROUPS, {"groups": ["a"], "users": ["nobody"]}),
        ("POST", GROUPS, {"groups": ["a"], "color": 1}),
        ("POST", f"{CLASS}/users", {"users": ["nobody"]}),
        ("POST", f"{CLASS}/users", {"users": "root"}),
        ("DELETE", f"{CLASS}/users", {"users": [1]}),
        ("PUT", f"{CLASS}/properties", [1]),
        ("PUT", f"{CLASS}/properties", None),
    ],
)
async def test_invalid_requests_are_refused_atomically(hub, method, path, body):
    admin = await hub.admin()
    await admin.post(CLASS)
    answer = await admin.ask(method, path, model=body)
    assert (answer.code, bool(model(answer)["message"])) == (400, True)
    assert [group["name"] for group in model(await admin.get(GROUPS))] == ["class"]


async def test_unknown_groups_are_not_found(hub):
    admin = await hub.admin()
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/users"), ("DELETE", "/users")):
        answer = await admin.ask(method, f"{CLASS}{path}", model={"users": []} if path else None)
        assert (answer.code, bool(model(answer)["message"])) == (404, True), (method, path)
    assert (await admin.ask("PUT", f"{CLASS}/properties", model={})).code == 404


async def test_group_models_and_lists_follow_scopes(hub):
    admin = await hub.admin()
    await admin.post(GROUPS, model={"groups": ["class", "staff"]})
    program = await hub.holder("alice", "list:groups!group=class", "read:roles:groups!group=staff")
    assert model(await program.get(GROUPS)) == [{"kind": "group", "name": "class"}]
    assert set(model(await program.get(f"{GROUPS}/staff"))) == {"kind", "name", "roles"}
    assert (await program.get(f"{GROUPS}/others")).code == 404
    assert (await program.post(f"{GROUPS}/class/users", model={"users": []})).code == 403


async def test_membership_changes_permissions_at_once(hub):
    admin = await hub.admin()
    await hub.user("alice")
    await admin.post(CLASS)

    def give(tx):
        tx.roles.ensure([Role(name="looker", scopes=("read:hub",))])
        tx.roles.grant("looker", "group", ["class"])

    await hub.store.write(give)
    program = await hub.program("alice")
    assert (await program.get("/hub/api/info")).code == 403
    await admin.post(f"{CLASS}/users", model={"users": ["alice"]})
    assert (await program.get("/hub/api/info")).code == 200
    await admin.ask("DELETE", f"{CLASS}/users", model={"users": ["alice"]})
    assert (await program.get("/hub/api/info")).code == 403


async def test_adding_members_cannot_grant_more_than_held(hub):
    admin = await hub.admin()
    await admin.post(CLASS)
    await hub.store.write(lambda tx: tx.roles.grant("admin", "group", ["class"]))
    program = await hub.holder("alice", "groups")
    answer = await program.post(f"{CLASS}/users", model={"users": ["alice"]})
    assert answer.code == 403
    assert model(await program.get(CLASS))["users"] == []
    assert (await admin.post(f"{CLASS}/users", model={"users": ["alice"]})).code == 200
