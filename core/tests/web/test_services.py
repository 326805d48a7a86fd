"""Services as those who make requests."""

from __future__ import annotations

import json

import pytest

from plughub.domain.declared import Declared, read_roles
from plughub.domain.scopes import ScopeTree
from plughub.domain.service_specs import read_services
from plughub.services.declaring import declare

TOKEN = "a-token-that-was-chosen"


def model(answer):
    return json.loads(answer.body)


@pytest.fixture
async def service(hub):
    """A client that is the service alice, which may list users; a user has the same name."""
    await hub.user("alice")
    role = {"name": "culler", "scopes": ["list:users", "read:users:activity"], "services": ["alice"]}
    declared = Declared(
        roles=read_roles([role], ScopeTree()),
        services=read_services([{"name": "alice", "api_token": TOKEN, "url": "http://127.0.0.1:9"}]),
    )
    await hub.store.write(lambda tx: declare(tx, declared))
    return hub.browser(Authorization=f"token {TOKEN}")


async def test_a_service_learns_who_it_is(service):
    found = model(await service.get("/hub/api/user"))
    assert (found["kind"], found["name"], found["admin"]) == ("service", "alice", False)
    assert found["scopes"] == ["list:users", "read:users:activity", "read:users:name"]
    assert found["token_id"].startswith("a")
    assert found["session_id"] is None


async def test_a_service_does_what_its_roles_let_it_do(service):
    assert [user["name"] for user in model(await service.get("/hub/api/users"))] == ["alice"]
    assert (await service.get("/hub/api/info")).code == 403
    assert "last_activity" in model(await service.get("/hub/api/users/alice"))


async def test_a_service_is_not_the_user_of_the_same_name(service):
    assert (await service.post("/hub/api/users/alice/server")).code == 403
    assert (await service.post("/hub/api/users/alice/tokens", model={})).code == 403
    assert "servers" not in model(await service.get("/hub/api/users/alice"))


async def test_services_are_shown_to_those_who_may_see_them(hub, service):
    admin = await hub.admin()
    shown = model(await admin.get("/hub/api/services"))
    assert shown["alice"]["prefix"] == "/services/alice/"
    assert shown["alice"]["roles"] == ["culler"]
    assert model(await admin.get("/hub/api/services/alice")) == shown["alice"]
    assert (await admin.get("/hub/api/services/nothing")).code == 404
    assert (await service.get("/hub/api/services")).code == 403


async def test_a_service_that_is_gone_is_nobody_at_once(hub, service):
    assert (await service.get("/hub/api/user")).code == 200
    await hub.store.write(lambda tx: declare(tx, Declared()))
    assert (await service.get("/hub/api/user")).code == 403
