"""Force-forget of servers through the API."""

import json

import pytest

from plughub.domain.audit import AuditQuery

SERVER = "/hub/api/users/alice/server"


@pytest.fixture
async def lost(hub):
    """Hub with a server whose plugin no hub process has."""
    await hub.running()
    server = await hub.servers.get("alice", "")
    how = {"host": "gone", "launch": server.launch, "client_id": server.oauth_client_id}

    def move(tx):
        tx.servers.record_launch(server.id, backend="lost", **how)
        tx.servers.mark_ready(server.id, server.started)
        tx.servers.set_unknown_of("lost", "gone", "plugin 'lost' is not active in any hub process")

    await hub.store.write(move)
    return hub


async def test_admin_forgets_lost_server_and_audit_records_it(lost):
    admin = await lost.admin()
    assert "not active in any hub process" in json.loads((await admin.get(SERVER)).body)["problem"]
    assert (await admin.delete(SERVER, model={"forget": True})).code == 204
    assert "/user/alice/" not in lost.proxy.routes
    assert json.loads((await admin.get(SERVER)).body)["stopped"]

    async def line():
        return await lost.store.read(lambda tx: tx.audit.page(AuditQuery(kind="forget-server"), 0, 9))

    (found,) = await lost.until(line)
    assert (found.actor, found.user, found.server) == ("root", "alice", "")
    assert found.detail == {"backend": "lost", "host": "gone"}


async def test_user_cannot_forget_own_server(lost):
    answer = await (await lost.program()).delete(SERVER, model={"forget": True})
    assert answer.code == 403
    assert "admin:servers" in json.loads(answer.body)["message"]
    assert (await lost.servers.get("alice", "")).ready


async def test_server_of_responding_plugin_is_not_forgotten(hub):
    await hub.running()
    answer = await (await hub.admin()).delete(SERVER, model={"forget": True})
    assert answer.code == 409
    model = json.loads(answer.body)
    assert model["message"] == "plugin 'tiny' reports that alice/ is running"
    assert model["hint"] == "Stop it instead."
    assert (await hub.servers.get("alice", "")).ready


async def test_forget_and_remove_are_separate_calls(lost):
    answer = await (await lost.admin()).delete(SERVER, model={"forget": True, "remove": True})
    assert (answer.code, (await lost.servers.get("alice", "")).ready) == (400, True)
