"""Removed servers are cleaned up, and the others keep what they need."""

import pytest

from plughub.domain.errors import PluginError
from plughub.kinds import Resumable
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.servers.named_servers import NamedServers


@pytest.fixture
async def hub(make_hub):
    hub = make_hub(allow_named_servers=True)
    await hub.store.write(store_initial_records)
    return hub


async def is_there(hub, name="lab"):
    return await hub.store.read(lambda tx: tx.servers.get("alice", name)) is not None


async def test_the_spawner_cleans_up_after_a_running_server_that_is_removed(hub, machine):
    server = await hub.started(server="lab")
    await hub.servers.remove(server, 10)
    assert [gone.full_name for gone in machine.deleted] == ["alice/lab"]
    assert not await is_there(hub)


async def test_a_stop_alone_removes_nothing(hub, machine):
    await hub.stopped(await hub.started(server="lab"))
    assert machine.deleted == []
    assert await is_there(hub)


async def test_the_spawner_cleans_up_after_a_stopped_server_without_stopping_it_again(hub, machine):
    server = await hub.stopped(await hub.started(server="lab"))
    stops = len(machine.stops)
    await hub.servers.remove(server, 10)
    assert [gone.full_name for gone in machine.deleted] == ["alice/lab"]
    assert len(machine.stops) == stops
    assert not await is_there(hub)


async def test_a_server_is_removed_although_its_spawner_cannot_clean_up(hub, machine, caplog):
    machine.delete_error = OSError("the disk is busy")
    await hub.servers.remove(await hub.started(server="lab"), 10)
    assert not await is_there(hub)
    assert "the disk is busy" in caplog.text


async def test_a_start_cancelled_by_a_removal_is_cleaned_up_once(hub, machine, until):
    machine.silent = True
    user = await hub.user()
    asked = await hub.servers.start(user, "lab")
    await until(lambda: machine.running)
    await hub.servers.remove(asked, 10)
    assert [gone.full_name for gone in machine.deleted] == ["alice/lab"]
    assert not await is_there(hub)


async def test_the_next_process_cleans_up_after_a_dead_one(make_hub, hub, machine, until):
    server = await hub.stopped(await hub.started(server="lab"))
    hub.runner.is_closing = True
    await hub.servers.stop(server, remove=True)
    await hub.crash()
    assert machine.deleted == []
    other = make_hub(lease=0.2)
    await until(lambda: machine.deleted)
    await other.servers.wait(server, 10)
    assert not await is_there(other)


async def test_the_spawner_renames_a_server_before_the_name_is_stored(hub, machine):
    named = NamedServers(hub.store, hub.hooks, hub.settings)
    server = await hub.stopped(await hub.started(server="lab"))
    renamed = await named.change(server, name="hall")
    assert (machine.renamed, renamed.name) == ([("lab", "hall")], "hall")


async def test_a_rename_that_the_spawner_refuses_is_not_stored(hub, machine):
    named = NamedServers(hub.store, hub.hooks, hub.settings)
    server = await hub.stopped(await hub.started(server="lab"))
    machine.rename_error = OSError("the disk is busy")
    with pytest.raises(PluginError, match="the disk is busy"):
        await named.change(server, name="hall")
    assert await is_there(hub)


def credentials(hub, server):
    def look(tx):
        user = tx.users.get("alice")
        tokens = [token.id for token in tx.tokens.of_user(user.id)]
        client = tx.oauth.client(server.oauth_client_id)
        return tokens, client is not None

    return hub.store.read(look)


async def test_a_stopped_server_has_no_token_and_no_oauth_client(hub):
    server = await hub.started()
    tokens, client = await credentials(hub, server)
    assert (len(tokens), client) == (1, True)
    await hub.stopped(server)
    assert await credentials(hub, server) == ([], False)


async def test_a_resumable_server_keeps_state_token_and_oauth_client(hub, machine):
    machine.resumes = Resumable(state={"container": "abc"})
    server = await hub.started()
    before = await credentials(hub, server)
    stopped = await hub.stopped(server)
    assert await credentials(hub, server) == before
    assert stopped.state == {"container": "abc"}

    token = machine.tokens[-1]
    machine.token_of_old = token
    again = await hub.started()
    assert machine.seen["spawn"].state == {"container": "abc"}
    assert await credentials(hub, again) == before, "the old token is the only one"
    assert (await hub.tokens.authenticate(token)).name == "alice"


async def test_a_start_without_saved_state_revokes_the_previous_token(hub, machine):
    machine.resumes = Resumable()
    server = await hub.started()
    before, _ = await credentials(hub, server)
    await hub.stopped(server)
    after, _ = await credentials(hub, await hub.started())
    assert len(after) == 1
    assert after != before


async def test_a_resumable_server_keeps_nothing_when_it_is_removed(hub, machine):
    machine.resumes = Resumable()
    server = await hub.started(server="lab")
    await hub.servers.remove(server, 10)
    assert await credentials(hub, server) == ([], False)
