"""Users in the API."""

from __future__ import annotations

import asyncio
import json

import pytest

from plughub import hookimpl
from plughub.services.settings import LoginPolicy
from plughub.testing.doubles import TinyServers

USERS = "/hub/api/users"
PAGES = {"Accept": "application/jupyterhub-pagination+json"}


def model(answer):
    return json.loads(answer.body)


def names(answer):
    assert answer.code == 200, answer.body
    return [user["name"] for user in model(answer)]


async def test_user_list_is_paginated(hub):
    admin = await hub.admin()
    assert (await admin.post(USERS, model={"usernames": ["alice", "bob", "carol"]})).code == 201
    first = model(await admin.get(f"{USERS}?limit=2", headers=PAGES))
    assert [user["name"] for user in first["items"]] == ["root", "alice"]
    following = first["_pagination"]["next"]
    assert (first["_pagination"]["total"], following["offset"]) == (4, 2)
    rest = model(await admin.get(following["url"], headers=PAGES))
    assert [user["name"] for user in rest["items"]] == ["bob", "carol"]
    assert rest["_pagination"]["next"] is None
    assert names(await admin.get(f"{USERS}?sort=-name&limit=1")) == ["root"]
    assert names(await admin.get(f"{USERS}?name_filter=ARO")) == ["carol"]


async def test_user_list_includes_servers(hub):
    await hub.running("alice")
    await hub.user("bob")
    admin = await hub.admin()
    found = {user["name"]: user for user in model(await admin.get(USERS))}
    assert found["alice"]["server"] == "/user/alice/"
    assert found["alice"]["servers"][""]["ready"] is True
    assert found["bob"]["servers"] == {}
    assert names(await admin.get(f"{USERS}?state=ready")) == ["alice"]
    assert names(await admin.get(f"{USERS}?state=inactive&sort=name")) == ["bob", "root"]
    assert names(await admin.get(f"{USERS}?state=&name_filter=&sort=name")) == ["alice", "bob", "root"]
    stopped = {user["name"]: user for user in model(await admin.get(f"{USERS}?include_stopped_servers"))}
    assert stopped["bob"]["servers"][""]["stopped"] is True
    single = model(await admin.get(f"{USERS}/alice"))
    assert single == found["alice"]


@pytest.mark.parametrize(
    "query", ["state=asleep", "sort=color", "sort=--id", "sort=", "offset=x", "limit=1.5"]
)
async def test_invalid_user_queries_are_refused(hub, query):
    answer = await (await hub.admin()).get(f"{USERS}?{query}")
    assert (answer.code, bool(model(answer)["message"])) == (400, True)


async def test_user_list_is_limited_to_scope(hub):
    bob = await hub.user("bob")
    await hub.user("carol")
    await hub.store.write(lambda tx: tx.users.set_groups(bob.id, ["class"]))
    program = await hub.holder("alice", "list:users!group=class", "list:users!user=alice")
    assert sorted(names(await program.get(USERS))) == ["alice", "bob"]
    shown = {user["name"]: set(user) for user in model(await program.get(USERS))}
    assert shown["bob"] == {"kind", "name", "user_info", "admin"}


@pytest.mark.parametrize("scope", ["list:users!server=alice/", "read:users", "list:users!service=x"])
async def test_scope_without_users_lists_none(hub, scope):
    program = await hub.holder("alice", scope)
    answer = await program.get(USERS)
    assert answer.code == 403
    wanted = "Action is not authorized with current scopes; requires any of [list:users]"
    assert model(answer)["message"] == wanted


async def test_names_are_normalized_and_existing_users_unchanged(hub):
    admin = await hub.admin()
    await hub.user("bob")
    answer = await admin.post(USERS, model={"usernames": ["Alice ", "BOB", "Ｃarol"]})
    assert [user["name"] for user in model(answer)] == ["alice", "carol"]
    answer = await admin.post(USERS, model={"usernames": ["alice", "bob"]})
    assert (answer.code, model(answer)["message"]) == (409, "All 2 users already exist")
    assert (await admin.post(f"{USERS}/ERIN")).code == 201
    assert (await admin.post(f"{USERS}/erin")).code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"usernames": []},
        {"usernames": "alice"},
        {"usernames": [1]},
        {"usernames": ["a/b"]},
        {"usernames": [""]},
        {"usernames": ["x" * 5000]},
        {"usernames": ["good", "bad\nname"]},
        {"usernames": ["good"], "admin": "yes"},
        {"usernames": ["good"], "color": "red"},
    ],
)
async def test_invalid_users_are_refused_atomically(hub, body):
    admin = await hub.admin()
    answer = await admin.post(USERS, model=body)
    assert answer.code == 400
    assert 0 < len(model(answer)["message"]) < 300
    assert names(await admin.get(USERS)) == ["root"]


async def test_admin_users_scope_cannot_create_admins(hub):
    """CVE-2024-41942: admin:users alone must not lead to what admins hold."""
    program = await hub.holder("alice", "admin:users")
    for method, path, body in (
        ("PATCH", f"{USERS}/alice", {"admin": True}),
        ("POST", f"{USERS}/mallory", {"admin": True}),
        ("POST", USERS, {"usernames": ["mallory"], "admin": True}),
    ):
        answer = await program.ask(method, path, model=body)
        assert answer.code == 403, (method, path)
    assert (await program.get(f"{USERS}/mallory")).code == 404
    assert model(await program.get("/hub/api/user"))["admin"] is False
    assert (await program.post(f"{USERS}/carol")).code == 201


async def test_limited_admin_token_cannot_grant_more_than_held(hub):
    await hub.user("alice")
    limited = await hub.admin("admin:users")
    assert (await limited.ask("PATCH", f"{USERS}/alice", model={"admin": True})).code == 403
    whole = await hub.admin()
    answer = await whole.ask("PATCH", f"{USERS}/alice", model={"admin": True})
    assert (model(answer)["admin"], sorted(model(answer)["roles"])) == (True, ["admin", "user"])
    answer = await whole.ask("PATCH", f"{USERS}/alice", model={"admin": False})
    assert (model(answer)["admin"], model(answer)["roles"]) == (False, ["user"])


async def test_non_admin_cannot_change_admin(hub):
    await hub.admin()
    program = await hub.holder("alice", "admin:users")
    for body in ({"name": "toor"}, {"admin": False}, {}):
        assert (await program.ask("PATCH", f"{USERS}/root", model=body)).code == 403
    answer = await program.delete(f"{USERS}/root")
    assert (answer.code, model(answer)["message"]) == (403, "only admins can delete admins")
    assert (await (await hub.admin()).get(f"{USERS}/root")).code == 200


async def test_admin_by_group_is_protected(hub):
    bob = await hub.user("bob")

    def give(tx):
        tx.groups.create(["wheel"])
        tx.roles.grant("admin", "group", ["wheel"])
        tx.users.set_groups(bob.id, ["wheel"])

    await hub.store.write(give)
    program = await hub.holder("alice", "admin:users", "admin:groups")
    for method, path, body in (
        ("PATCH", f"{USERS}/bob", {"name": "toor"}),
        ("DELETE", f"{USERS}/bob", None),
        ("DELETE", "/hub/api/groups/wheel/users", {"users": ["bob"]}),
        ("DELETE", "/hub/api/groups/wheel", None),
        ("POST", "/hub/api/groups/wheel/users", {"users": ["alice"]}),
    ):
        assert (await program.ask(method, path, model=body)).code == 403, (method, path)
    admin = await hub.admin()
    assert (await admin.delete("/hub/api/groups/wheel")).code == 204
    assert (await program.delete(f"{USERS}/bob")).code == 204


async def test_rename_ends_all_sessions_and_tokens(hub):
    admin = await hub.admin()
    browser, program = await hub.logged_in("alice"), await hub.program("alice")
    link = await hub.links.create("alice")
    assert (await program.get("/hub/api/user")).code == 200
    answer = await admin.ask("PATCH", f"{USERS}/alice", model={"name": " Alicia"})
    assert (answer.code, model(answer)["name"], model(answer)["auth_state"]) == (200, "alicia", None)
    assert (await admin.get(f"{USERS}/alice")).code == 404
    assert (await browser.call("GET", "/hub/api/user")).code == 403
    assert (await program.get("/hub/api/user")).code == 403
    assert (await admin.post(f"{USERS}/alice")).code == 201
    assert b"alice" not in (await hub.browser().open_link(link)).body
    again = await hub.logged_in("alice")
    assert model(await again.call("GET", "/hub/api/user"))["name"] == "alicia"


async def test_only_admins_rename_to_another_identity(hub):
    admin = await hub.admin()
    await hub.logged_in("bob")
    await admin.ask("PATCH", f"{USERS}/bob", model={"name": "robert"})
    await hub.user("alice")
    program = await hub.holder("carol", "admin:users")
    for name in ("bob", "boss"):
        answer = await program.ask("PATCH", f"{USERS}/alice", model={"name": name})
        assert (answer.code, "another user is known by that name" in model(answer)["message"]) == (
            403,
            True,
        ), name
    assert (await program.ask("PATCH", f"{USERS}/alice", model={"name": "alicia"})).code == 200
    assert (await program.ask("PATCH", f"{USERS}/robert", model={"name": "bob"})).code == 200
    assert (await admin.ask("PATCH", f"{USERS}/alicia", model={"name": "boss"})).code == 200


async def test_invalid_names_are_refused(hub):
    admin = await hub.admin()
    await hub.user("bob")
    await hub.running("alice")
    for body in ({"name": "bob"}, {"name": ""}, {"name": "a/b"}, {"name": 1}, {"name": "alicia"}):
        answer = await admin.ask("PATCH", f"{USERS}/alice", model=body)
        assert answer.code == 400, body
        assert model(answer)["message"]


@pytest.mark.parametrize(
    "body", [{"groups": ["a"]}, {"roles": ["admin"]}, {"admin": 1}, {"auth_state": {"a": 1}}]
)
async def test_unchangeable_keys_are_reported(hub, body):
    await hub.user("alice")
    answer = await (await hub.admin()).ask("PATCH", f"{USERS}/alice", model=body)
    assert (answer.code, bool(model(answer)["message"])) == (400, True)


async def test_deleted_user_keeps_no_server_or_token(make_hub):
    hub = await make_hub(allow_named_servers=True)
    admin = await hub.admin()
    await hub.running("alice")
    await hub.running("alice", "lab")
    program = await hub.program("alice")
    assert (await program.get("/hub/api/user")).code == 200
    assert (await admin.delete(f"{USERS}/alice")).code == 204
    assert (await program.get("/hub/api/user")).code == 403
    assert not hub.tiny.running
    assert not [spec for spec in hub.proxy.routes if "alice" in spec]
    assert (await admin.get(f"{USERS}/alice")).code == 404
    assert (await admin.delete(f"{USERS}/alice")).code == 404


async def test_users_cannot_delete_themselves(hub):
    answer = await (await hub.admin()).delete(f"{USERS}/root")
    assert (answer.code, model(answer)["message"]) == (400, "Cannot delete yourself!")


class SlowStopSpawner(TinyServers):
    def __init__(self):
        super().__init__()
        self.stopping = asyncio.Event()

    @hookimpl
    async def hub_stop(self, server):
        await self.stopping.wait()
        self.end(server.state["operation"])


async def test_user_with_unstoppable_server_is_not_deleted(make_hub):
    sticky = SlowStopSpawner()
    hub = await make_hub(options={"slow_stop_timeout": 0.1}, spawners={"tiny": sticky})
    admin = await hub.admin()
    await hub.running("alice")
    assert (await admin.delete(f"{USERS}/alice")).code == 400
    answer = await admin.delete(f"{USERS}/alice")
    assert (answer.code, "in the process of stopping" in model(answer)["message"]) == (400, True)
    assert (await admin.get(f"{USERS}/alice")).code == 200
    sticky.stopping.set()

    async def is_deleted():
        return (await admin.delete(f"{USERS}/alice")).code == 204

    await hub.until(is_deleted)


async def test_plugins_receive_events_with_actor(make_hub):
    received = []

    class EventListener:
        @hookimpl
        async def hub_event(self, event):
            received.append(event)

    hub = await make_hub()
    hub.active.add("listener", EventListener())
    admin = await hub.admin()
    await admin.post(f"{USERS}/alice")
    await hub.events.drain()
    event = next(event for event in received if event.kind == "admin")
    assert (event.user, event.actor, event.detail["deed"]) == ("alice", "root", "create-user")
    assert event.token_id.startswith("a")
    assert event.remote_ip == "127.0.0.1"


async def test_the_authenticator_of_a_stored_user_is_assigned_and_reported(make_hub):
    events = []

    class EventListener:
        @hookimpl
        async def hub_event(self, event):
            events.append(event)

    hub = await make_hub(policies={"known": LoginPolicy()})
    hub.active.add("listener", EventListener())
    admin = await hub.admin()
    named = {"authenticator": "known"}
    assert (await admin.post(f"{USERS}/alice", model=named)).code == 201
    again = await admin.post(f"{USERS}/alice", model=named)
    assert (again.code, b"PATCH /users/:name" in again.body) == (409, True)
    assert (await admin.ask("PATCH", f"{USERS}/alice", model=named)).code == 200
    assert (await admin.ask("PATCH", f"{USERS}/alice", model={"authenticator": "other"})).code == 400
    assert (await admin.ask("PATCH", f"{USERS}/alice", model={"authenticator": 7})).code == 400
    await hub.events.drain()
    details = [event.detail for event in events if event.kind == "admin"]
    assert [(detail["deed"], detail["authenticator"]) for detail in details] == [
        ("create-user", "known"),
        ("change-user", "known"),
    ]
