"""Forgetting a server whose plugin never returns, through the API."""

import json

import pytest

from plughub.domain.audit import AuditQuery

SERVER = "/hub/api/users/alice/server"


@pytest.fixture
async def lost(hub):
    """A hub with a server of a plugin that no hub has."""
    await hub.running()
    server = await hub.servers.get("alice", "")
    how = {"host": "gone", "launch": server.launch, "client_id": server.oauth_client_id}

    def move(tx):
        tx.servers.launching(server.id, backend="lost", **how)
        tx.servers.ready(server.id, server.started)
        tx.servers.set_unknown_of("lost", "gone", "plugin 'lost' is active in no hub")

    await hub.store.write(move)
    return hub


async def test_an_admin_forgets_a_lost_server_and_it_stands_in_the_trail(lost):
    admin = await lost.admin()
    assert "active in no hub" in json.loads((await admin.get(SERVER)).body)["problem"]
    assert (await admin.delete(SERVER, model={"forget": True})).code == 204
    assert "/user/alice/" not in lost.proxy.routes
    assert json.loads((await admin.get(SERVER)).body)["stopped"]

    async def line():
        return await lost.store.read(lambda tx: tx.audit.page(AuditQuery(kind="forget-server"), 0, 9))

    (found,) = await lost.until(line)
    assert (found.actor, found.user, found.server) == ("root", "alice", "")
    assert found.detail == {"backend": "lost", "host": "gone"}


async def test_a_person_cannot_forget_her_own_server(lost):
    answer = await (await lost.program()).delete(SERVER, model={"forget": True})
    assert answer.code == 403
    assert "admin:servers" in json.loads(answer.body)["message"]
    assert (await lost.servers.get("alice", "")).ready


async def test_a_server_whose_plugin_answers_is_not_forgotten_and_the_answer_says_why(hub):
    await hub.running()
    answer = await (await hub.admin()).delete(SERVER, model={"forget": True})
    assert answer.code == 409
    model = json.loads(answer.body)
    assert model["message"] == "plugin 'tiny' says of alice/ that it runs"
    assert model["hint"] == "Stop it instead."
    assert (await hub.servers.get("alice", "")).ready


async def test_forgetting_and_removing_are_two_calls(lost):
    answer = await (await lost.admin()).delete(SERVER, model={"forget": True, "remove": True})
    assert (answer.code, (await lost.servers.get("alice", "")).ready) == (400, True)
