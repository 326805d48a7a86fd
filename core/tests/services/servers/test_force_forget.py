"""Force-forget of servers whose plugin or machine never returns."""

import pytest

from plughub.domain.errors import ConflictError
from plughub.domain.servers import Status
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.services.servers.force_forget import ForceForget
from plughub.services.servers.unrunnable_operations import UnrunnableOperations


def force_forget(hub):
    return ForceForget(hub.store, hub.hooks, hub.settings, hub.router, hub.server_watch)


async def join(hub):
    await HubRegistry(hub.store, hub.settings, lambda _: None).join()


async def leave(hub):
    await hub.store.write(lambda tx: tx.hub_processes.leave(hub.settings.hub_id))


@pytest.fixture
async def lost(make_hub):
    """A server that runs on a machine whose hub is gone, and a hub of another machine."""
    there, here = make_hub(host="there"), make_hub(host="here", stranded_after=0)
    await join(there)
    server = await there.started()
    await there.store.write(
        lambda tx: tx.servers.record_launch(
            server.id, backend="machine", host="there", launch=server.launch, client_id=server.oauth_client_id
        )
    )
    await there.store.write(lambda tx: tx.servers.mark_ready(server.id, server.started))
    there.runner.is_closing = True  # it claims no operations any more
    await leave(there)
    await join(here)
    return here, there, await here.servers.get("alice", "")


def credentials(hub, server):
    def look(tx):
        user = tx.users.get("alice")
        return len(tx.tokens.of_user(user.id)), tx.oauth.client(server.oauth_client_id) is not None

    return hub.store.read(look)


async def test_a_server_of_a_machine_without_a_hub_is_forgotten_and_can_be_started_elsewhere(
    lost, machine, proxy
):
    here, _, server = lost
    assert "/user/alice/" in proxy.routes
    assert await credentials(here, server) == (1, True)
    await force_forget(here).forget(server)
    gone = await here.servers.get("alice", "")
    assert (gone.status, gone.launch, gone.url, gone.operation) == (Status.STOPPED, "", "", None)
    assert await credentials(here, server) == (0, False)
    assert ("/user/alice/" in proxy.routes, machine.stops) == (False, [])
    assert (await here.started()).ready


async def test_a_forgotten_server_that_returns_is_stopped_but_not_its_successor(lost, machine):
    here, there, server = lost
    await force_forget(here).forget(server)
    restarted = await here.started()
    await there.poller._stop_orphans_of("machine")
    assert list(machine.running) == [restarted.launch]


async def test_a_stop_that_waits_for_a_machine_ends_when_its_server_is_forgotten(lost):
    here, _, server = lost
    await here.servers.stop(server)
    await UnrunnableOperations(here.store, here.settings, here.server_watch).run_once()
    waiting = await here.servers.get("alice", "")
    assert waiting.operation.problem
    await force_forget(here).forget(waiting)
    gone = await here.servers.get("alice", "")
    assert (gone.status, gone.operation) == (Status.STOPPED, None)
    stop = await here.store.read(lambda tx: tx.operations.get(waiting.operation.id))
    assert stop.is_done


async def test_a_failed_start_that_cannot_be_cleaned_up_ends_when_its_server_is_forgotten(hub, machine):
    machine.error, machine.stop_error = OSError("no room"), OSError("the engine is gone")
    machine.poll_error = OSError("the engine is gone")
    failed = await hub.started()
    assert failed.operation.is_undoing
    await force_forget(hub).forget(failed)
    assert not (await hub.servers.get("alice", "")).active
    machine.error = machine.stop_error = machine.poll_error = None
    assert (await hub.started()).ready


async def test_a_server_whose_plugin_answers_is_not_forgotten(hub, machine):
    server = await hub.started()
    with pytest.raises(ConflictError, match="plugin 'machine' reports that alice/ is running") as refused:
        await force_forget(hub).forget(server)
    assert refused.value.hint == "Stop it instead."
    assert (await hub.servers.get("alice", "")).ready
    machine.poll_error = OSError("the engine is gone")
    await force_forget(hub).forget(server)
    assert not (await hub.servers.get("alice", "")).active


async def test_a_server_whose_plugin_is_active_in_another_process_is_not_forgotten(lost):
    here, there, server = lost
    await join(there)
    with pytest.raises(ConflictError, match="'machine' on 'there' is available in another hub process"):
        await force_forget(here).forget(server)
    assert (await here.servers.get("alice", "")).ready


async def test_a_stopped_server_cannot_be_forgotten(hub):
    stopped = await hub.stopped(await hub.started())
    with pytest.raises(ConflictError, match="alice/ is not running"):
        await force_forget(hub).forget(stopped)


async def test_an_operation_of_a_live_process_is_not_ended_by_force_forget(hub, machine, until):
    machine.silent, machine.poll_error = True, OSError("busy")
    starting = await hub.servers.start(await hub.user())
    await until(lambda: machine.running)
    with pytest.raises(ConflictError, match="is being changed"):
        await force_forget(hub).forget(starting)
    assert (await hub.servers.get("alice", "")).pending == "spawn"


async def test_a_server_with_a_pending_removal_is_deleted_when_it_is_forgotten(make_hub, machine):
    hub = make_hub(allow_named_servers=True, stranded_after=0)
    await join(hub)
    server = await hub.started(server="lab")
    machine.poll_error = machine.stop_error = OSError("the engine is gone")
    hub.runner.is_closing = True
    await hub.servers.stop(server, remove=True)
    await force_forget(hub).forget(server)
    assert await hub.store.read(lambda tx: tx.servers.get("alice", "lab")) is None
