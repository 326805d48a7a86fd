import json
from collections import Counter

import pytest

from plughub.domain.audit import AuditQuery
from plughub.domain.declarations import Declarations, read_roles
from plughub.domain.scopes import ScopeTree
from plughub.domain.service_specs import read_services
from plughub.services.users.configuration_sync import sync_configuration


@pytest.fixture
async def trail(hub):
    """Wait for entries of some kinds, as many of a kind as it is named, then return the audit trail, oldest first."""

    async def lines(*kinds: str, **query: str):
        async def look():
            found = await hub.store.read(lambda tx: tx.audit.page(AuditQuery(**query), 0, 1000))  # type: ignore[arg-type]
            return found[::-1] if Counter(kinds) <= Counter(line.kind for line in found) else None

        return await hub.until(look)

    return lines


def last(lines, kind: str):
    return next(line for line in reversed(lines) if line.kind == kind)


async def test_logins_and_refused_logins_are_audited_with_address(hub, trail) -> None:
    await hub.browser().log_in("alice", "wrong")
    await hub.logged_in("alice")
    lines = await trail("login", "login-refused")
    refused, login = last(lines, "login-refused"), last(lines, "login")
    assert (refused.user, refused.actor, refused.remote_ip) == ("alice", "", "127.0.0.1")
    assert (login.user, login.actor, login.remote_ip) == ("alice", "alice", "127.0.0.1")
    assert "wonder" not in str(lines)
    assert "wrong" not in str(lines)


async def test_start_and_stop_by_another_user_are_audited_with_actor_and_token(hub, trail) -> None:
    admin = await hub.admin()
    await hub.user("alice")
    me = json.loads((await admin.get("/hub/api/user")).body)
    assert (await admin.post("/hub/api/users/alice/server")).code == 201
    assert (await admin.delete("/hub/api/users/alice/server")).code == 204
    lines = await trail("spawn-requested", "spawn", "stop-requested", "stop")
    for kind in ("spawn-requested", "stop-requested"):
        line = last(lines, kind)
        assert (line.actor, line.user, line.server) == ("root", "alice", "")
        assert (line.token_id, line.remote_ip) == (me["token_id"], "127.0.0.1")
    assert [last(lines, kind).actor for kind in ("spawn", "stop")] == ["root", "root"]


async def test_audit_distinguishes_service_from_user_of_same_name(hub, trail) -> None:
    await hub.user("alice")
    await hub.user("culler")
    scopes = ["servers", "users"]
    declared = Declarations(
        roles=read_roles([{"name": "cull", "scopes": scopes, "services": ["culler"]}], ScopeTree()),
        services=read_services([{"name": "culler", "api_token": "a-token-that-was-chosen"}]),
    )
    await hub.store.write(lambda tx: sync_configuration(tx, declared))
    service = hub.browser(Authorization="token a-token-that-was-chosen")
    assert (await service.post("/hub/api/users/alice/server")).code == 201
    assert (await service.delete("/hub/api/users/alice/server")).code == 204
    lines = await trail("spawn-requested", "spawn", "stop-requested", "stop")
    assert {line.actor for line in lines} == {"services/culler"}


async def test_refused_start_is_audited_with_reason(make_hub) -> None:
    full = await make_hub(active_server_limit=1)
    await full.running("bob")
    assert (await (await full.program("alice")).post("/hub/api/users/alice/server")).code == 429

    async def refused():
        return await full.store.read(lambda tx: tx.audit.page(AuditQuery(kind="spawn-refused"), 0, 9))

    (line,) = await full.until(refused)
    assert (line.actor, line.user, line.server) == ("alice", "alice", "")
    assert line.detail["status"] == 429
    assert "limit" in line.detail["reason"]
    text = full.metrics.render("")[0].decode()
    assert 'server_spawn_duration_seconds_count{reason="too-many-users",status="failure"} 1.0' in text


async def test_token_creation_and_revocation_are_audited_without_token_text(hub, trail) -> None:
    client = await hub.program("alice")
    made = json.loads((await client.post("/hub/api/users/alice/tokens", model={"note": "for R"})).body)
    await client.delete(f"/hub/api/users/alice/tokens/{made['id']}")
    model = {"auth": {"username": "bob", "password": "builder"}}
    by_password = await hub.browser().post("/hub/api/users/bob/tokens", model=model)
    lines = await trail("token-created", "token-created", "token-revoked")
    created = next(line for line in lines if line.kind == "token-created" and line.user == "alice")
    assert created.detail == {"token": made["id"], "note": "for R", "scopes": ["inherit"]}
    assert last(lines, "token-revoked").detail == {"token": made["id"]}
    assert last(lines, "token-created").actor == "bob"
    for secret in (made["token"], json.loads(by_password.body)["token"], "builder"):
        assert secret not in str(lines)


async def test_admin_actions_on_users_and_groups_are_audited_by_name(hub, trail) -> None:
    admin = await hub.admin()
    await admin.post("/hub/api/users/bob")
    await admin.ask("PATCH", "/hub/api/users/bob", model={"admin": True})
    await admin.post("/hub/api/groups/staff", model={"users": ["bob"]})
    await admin.delete("/hub/api/users/bob")
    await admin.post("/hub/api/shutdown", model={"servers": False})
    lines = await trail("create-user", "change-user", "create-group", "delete-user", "shutdown")
    assert last(lines, "change-user").detail == {"was": "bob", "admin": True}
    assert {line.actor for line in lines} == {"root"}
    assert all(line.token_id for line in lines)


async def test_audit_trail_is_paginated_and_filtered(hub, trail) -> None:
    admin = await hub.admin()
    for name in ("bob", "carol", "dora"):
        await admin.post(f"/hub/api/users/{name}")
    await admin.delete("/hub/api/users/carol")
    await trail("delete-user")

    async def read(query: str, **headers: str):
        answer = await admin.get(f"/hub/api/audit{query}", headers=headers)
        assert answer.code == 200, answer.body
        return json.loads(answer.body)

    assert [line["user"] for line in await read("?kind=create-user")] == ["dora", "carol", "bob"]
    assert [line["kind"] for line in await read("?user=carol&actor=root")] == ["delete-user", "create-user"]
    line = (await read("?user=carol&limit=1"))[0]
    assert line.keys() == {
        "id", "at", "kind", "actor", "user", "server", "remote_ip", "token_id", "detail",
    }  # fmt: skip
    assert line["at"].endswith("Z")
    assert [found["id"] for found in await read(f"?since={line['at']}&kind=delete-user")] == [line["id"]]
    assert await read(f"?until={line['at']}&kind=delete-user") == []
    wrapped = await read("?limit=2", Accept="application/jupyterhub-pagination+json")
    assert len(wrapped["items"]) == 2
    assert wrapped["_pagination"]["total"] == 4
    assert "offset=2" in wrapped["_pagination"]["next"]["url"]


async def test_audit_trail_needs_scope(hub) -> None:
    await hub.admin()
    user, narrow = await hub.program("alice"), await hub.admin("read:audit")
    other = await hub.admin("admin:users", "read:hub")
    assert (await user.get("/hub/api/audit")).code == 403
    assert (await other.get("/hub/api/audit")).code == 403
    assert (await narrow.get("/hub/api/audit")).code == 200


@pytest.mark.parametrize(
    "query", ["since=yesterday", "until=2026-13-01", "limit=many", "since=0001-01-01T00:00:00%2B05:00"]
)
async def test_invalid_audit_query_is_refused(hub, query) -> None:
    admin = await hub.admin()
    answer = await admin.get(f"/hub/api/audit?{query}")
    assert answer.code == 400
    assert json.loads(answer.body)["message"]
