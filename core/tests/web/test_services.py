"""Services as API clients."""

from __future__ import annotations

import json
import re

import pytest

from plughub.domain.declarations import Declarations, read_roles
from plughub.domain.scopes import ScopeTree
from plughub.domain.service_specs import read_services
from plughub.services.users.configuration_sync import sync_configuration

TOKEN = "a-token-that-was-chosen"


def model(answer):
    return json.loads(answer.body)


@pytest.fixture
async def service(hub):
    """Client of the service alice, which may list users; a user has the same name."""
    await hub.user("alice")
    role = {"name": "culler", "scopes": ["list:users", "read:users:activity"], "services": ["alice"]}
    declared = Declarations(
        roles=read_roles([role], ScopeTree()),
        services=read_services([{"name": "alice", "api_token": TOKEN, "url": "http://127.0.0.1:9"}]),
    )
    await hub.store.write(lambda tx: sync_configuration(tx, declared))
    return hub.browser(Authorization=f"token {TOKEN}")


async def test_service_identifies_itself(service):
    found = model(await service.get("/hub/api/user"))
    assert (found["kind"], found["name"], found["admin"]) == ("service", "alice", False)
    assert found["scopes"] == ["list:users", "read:users:activity", "read:users:name"]
    assert found["token_id"].startswith("a")
    assert found["session_id"] is None


async def test_service_roles_grant_permissions(service):
    assert [user["name"] for user in model(await service.get("/hub/api/users"))] == ["alice"]
    assert (await service.get("/hub/api/info")).code == 403
    assert "last_activity" in model(await service.get("/hub/api/users/alice"))


async def test_token_of_service_is_revoked(hub, service):
    browser = await hub.logged_in("root")
    page = (await browser.get("/hub/admin/tokens")).body.decode()
    (url,) = re.findall(r'data-url="(/hub/api/services/alice/tokens/a\d+)"', page)
    assert (await browser.call("DELETE", url.replace("services", "users"))).code == 404, "the user's namesake"
    assert (await service.get("/hub/api/user")).code == 200
    assert (await browser.call("DELETE", url)).code == 204
    assert (await service.get("/hub/api/user")).code == 403
    assert (await browser.call("DELETE", url)).code == 404
    assert (await browser.call("DELETE", "/hub/api/services/alice/tokens/x")).code == 404


async def test_service_is_distinct_from_user_of_same_name(service):
    assert (await service.post("/hub/api/users/alice/server")).code == 403
    assert (await service.post("/hub/api/users/alice/tokens", model={})).code == 403
    assert "servers" not in model(await service.get("/hub/api/users/alice"))


async def test_listing_services_needs_scope(hub, service):
    admin = await hub.admin()
    shown = model(await admin.get("/hub/api/services"))
    assert shown["alice"]["prefix"] == "/services/alice/"
    assert shown["alice"]["roles"] == ["culler"]
    assert model(await admin.get("/hub/api/services/alice")) == shown["alice"]
    assert (await admin.get("/hub/api/services/nothing")).code == 404
    assert (await service.get("/hub/api/services")).code == 403


async def test_token_of_deleted_service_stops_working_at_once(hub, service):
    assert (await service.get("/hub/api/user")).code == 200
    await hub.store.write(lambda tx: sync_configuration(tx, Declarations()))
    assert (await service.get("/hub/api/user")).code == 403


# ---- services created through the API

SPEC = {"url": "http://127.0.0.1:9", "api_token": "token-of-the-new-one", "info": {"a": 1}}


async def test_created_service_works_at_once(hub):
    admin = await hub.admin()
    made = await admin.post("/hub/api/services/board", model={**SPEC, "name": "board"})
    assert made.code == 201, made.body
    assert model(made) == {
        "kind": "service",
        "name": "board",
        "admin": False,
        "roles": [],
        "url": "http://127.0.0.1:9",
        "prefix": "/services/board/",
        "command": [],
        "pid": 0,
        "info": {"a": 1},
        "display": True,
    }
    await hub.router.sync()
    assert hub.proxy.routes["/services/board/"].target == "http://127.0.0.1:9"
    itself = hub.browser(Authorization="token token-of-the-new-one")
    assert model(await itself.get("/hub/api/user"))["name"] == "board"
    await hub.store.write(lambda tx: sync_configuration(tx, Declarations()))
    assert (await itself.get("/hub/api/user")).code == 200, "a created service survives a restart of the hub"


async def test_created_service_is_deleted_at_once(hub):
    admin = await hub.admin()
    await admin.post("/hub/api/services/board", model=SPEC)
    itself = hub.browser(Authorization="token token-of-the-new-one")
    assert (await itself.get("/hub/api/user")).code == 200
    assert (await admin.delete("/hub/api/services/board")).code == 200
    assert (await itself.get("/hub/api/user")).code == 403
    assert (await admin.get("/hub/api/services/board")).code == 404
    assert (await admin.delete("/hub/api/services/board")).code == 404
    assert await hub.store.read(lambda tx: tx.oauth.client("service-board")) is None


async def test_configured_services_cannot_be_changed(hub, service):
    admin = await hub.admin()
    refused = await admin.delete("/hub/api/services/alice")
    assert (refused.code, "not modifiable" in model(refused)["message"]) == (405, True)
    assert (await admin.post("/hub/api/services/alice", model=SPEC)).code == 409


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "Invalid service data"),
        ({"name": "other", **SPEC}, "differs from the name in the path"),
        ({"colour": 1}, "Invalid JSON keys: 'colour'"),
        ({"admin": "yes"}, "service.admin must be a boolean"),
        ({"command": ["true"]}, "'command'"),
        ({"url": "file:///etc"}, "http://"),
        ({"api_token": "short"}, "8 to 64"),
        ({"info": {}, "oauth_client_allowed_scopes": ["no:such"]}, "does not exist"),
        ({"url": "http://h:1", "oauth_roles": ["nobody"]}, "no role 'nobody'"),
        ({"oauth_redirect_uri": "http://h/\x01"}, "contains unprintable characters"),
    ],
)
async def test_invalid_services_are_refused(hub, body, reason):
    admin = await hub.admin()
    answer = await admin.post("/hub/api/services/board", model=body)
    assert (answer.code, reason in model(answer)["message"]) == (400, True), answer.body
    assert (await admin.get("/hub/api/services/board")).code == 404


async def test_token_in_use_is_refused(hub, service):
    answer = await (await hub.admin()).post("/hub/api/services/board", model={"api_token": TOKEN})
    assert (answer.code, TOKEN in answer.body.decode()) == (400, False)


async def test_creating_service_cannot_grant_more_than_held(hub):
    admin = await hub.admin("admin:services", "read:users:name!user")
    for body in (
        {"admin": True},
        {"url": "http://h:1", "oauth_client_allowed_scopes": ["list:users"]},
        {"url": "http://h:1", "oauth_client_allowed_scopes": ["inherit"]},
        {"url": "http://h:1", "oauth_client_allowed_scopes": ["read:users:name!user"]},
        {"url": "http://h:1", "oauth_client_allowed_scopes": ["self"]},
        {"url": "http://h:1", "oauth_roles": ["admin"]},
    ):
        answer = await admin.post("/hub/api/services/board", model=body)
        assert (answer.code, "you do not hold" in model(answer)["message"]) == (400, True), answer.body
    whole = await hub.admin()
    made = await whole.post("/hub/api/services/board", model={"admin": True, **SPEC})
    assert (model(made)["admin"], model(made)["roles"]) == (True, ["admin"])
    assert (await (await hub.program("bob")).post("/hub/api/services/x", model=SPEC)).code == 403


async def test_token_role_applies_to_services(hub):
    roles = [
        {"name": "culler", "scopes": ["list:users", "read:hub"], "services": ["narrow"]},
        {"name": "token", "scopes": ["list:users"]},
    ]
    declared = Declarations(
        roles=read_roles(roles, ScopeTree()), services=read_services([{"name": "narrow", "api_token": TOKEN}])
    )
    await hub.store.write(lambda tx: sync_configuration(tx, declared))
    service = hub.browser(Authorization=f"token {TOKEN}")
    assert (await service.get("/hub/api/users")).code == 200
    assert (await service.get("/hub/api/info")).code == 403
