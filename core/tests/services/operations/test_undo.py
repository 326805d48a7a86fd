"""Failed starts that cannot be cleaned up at once."""

import asyncio
import time

import pytest

from plughub.domain.errors import InvalidError
from plughub.domain.servers import Phase, Status
from plughub.kinds import SpawnFailed
from plughub.services.servers.force_forget import ForceForget


def engine_is_down(machine):
    machine.error = SpawnFailed("the engine is down")
    machine.stop_error = machine.poll_error = RuntimeError("no connection to the engine")


def engine_is_back(machine):
    machine.stop_error = machine.poll_error = None


@pytest.mark.parametrize("error", [SpawnFailed("the command is missing"), None])
async def test_a_failed_start_is_cleaned_up_once_its_server_has_ended_although_stop_fails(
    hub, machine, error
):
    machine.error, machine.dies = error, error is None
    machine.stop_error = KeyError("pid")
    server = await hub.started()
    server = await undone(hub)
    assert (server.status, server.operation) == (Status.STOPPED, None)
    assert server.failure
    machine.error, machine.dies = None, False
    assert (await hub.started()).ready


async def test_a_running_server_that_ends_while_its_stop_fails_is_stopped(hub, machine):
    server = await hub.started()
    launch = machine.launches[0]
    machine.stop_error = KeyError("pid")
    stopping = asyncio.create_task(hub.stopped(server))
    while not machine.stops:
        await asyncio.sleep(0)
    await machine.kill(launch)
    stopped = await stopping
    assert (stopped.status, stopped.operation, stopped.failure) == (Status.STOPPED, None, None)


async def test_an_admin_can_force_forget_a_failed_start_of_unknown_state(hub, machine):
    engine_is_down(machine)
    await hub.started()
    server = await put_off(hub)
    await ForceForget(hub.store, hub.hooks, hub.settings, hub.router, hub.server_watch).forget(server)
    assert (await hub.servers.get("alice", "")).status is Status.STOPPED
    machine.error = None
    engine_is_back(machine)
    assert (await hub.started()).ready


async def put_off(hub, user="alice"):
    """Wait until the cleanup of a start has been tried and postponed."""
    asked = await hub.servers.get(user, "")
    async for server in hub.servers.changes(asked):
        if server.operation is None or server.operation.retry_at:
            return server
    raise AssertionError("it was deleted")


async def undone(hub, user="alice"):
    """Wait until a start is cleaned up, after any number of attempts."""
    async for server in hub.servers.changes(await hub.servers.get(user, "")):
        if server.operation is None:
            return server
    raise AssertionError("it was deleted")


async def test_a_failed_start_is_reported_before_its_cleanup_ends(hub, machine):
    engine_is_down(machine)
    begin = time.monotonic()
    server = await hub.started()
    assert time.monotonic() - begin < 5
    assert server.failed_start
    assert server.failure.message == "the engine is down"
    assert (server.pending, server.ready) == ("stop", False)


async def test_a_failed_stop_is_not_reported_as_stopped_and_is_retried(hub, machine, until):
    engine_is_down(machine)
    await hub.started()
    server = await put_off(hub)
    assert server.status is not Status.STOPPED
    assert "no connection to the engine" in server.operation.problem
    assert server.operation.retry_at > 0
    engine_is_back(machine)
    server = await undone(hub)
    assert (server.status, server.failure.message) == (Status.STOPPED, "the engine is down")
    assert len(machine.stops) >= 2


async def test_a_server_that_may_still_run_is_not_started_again(hub, machine):
    engine_is_down(machine)
    await hub.started()
    machine.error = None
    with pytest.raises(InvalidError, match="no connection to the engine"):
        await hub.servers.start(await hub.user())
    assert len(machine.launches) == 1


async def test_another_start_request_retries_the_cleanup_at_once(hub, machine, until):
    engine_is_down(machine)
    await hub.started()
    server = await put_off(hub)
    await hub.store.write(lambda tx: delay(tx, hub, server))
    machine.error = None
    engine_is_back(machine)
    assert (await hub.started()).ready


async def test_a_stop_request_retries_the_cleanup(hub, machine):
    engine_is_down(machine)
    await hub.started()
    server = await put_off(hub)
    await hub.store.write(lambda tx: delay(tx, hub, server))
    engine_is_back(machine)
    stopped = await hub.stopped(server)
    assert (stopped.status, stopped.operation) == (Status.STOPPED, None)
    assert len(machine.stops) >= 2


def delay(tx, hub, server):
    """Postpone the next attempt by an hour."""
    key = server.operation.id
    assert tx.operations.retry_now(key)
    assert tx.operations.claim_one(key, hub.settings.hub_id, 10)
    assert tx.operations.postpone(key, hub.settings.hub_id, server.operation.problem, 3600)


async def test_a_postponed_cleanup_does_not_count_as_a_start(make_hub, machine):
    hub = make_hub(concurrent_spawn_limit=1)
    engine_is_down(machine)
    await hub.started()
    assert (await put_off(hub)).operation.phase is Phase.UNDO
    machine.error = None
    assert (await hub.started("bob")).ready


async def test_the_next_hub_resumes_the_cleanup(make_hub, machine):
    first = make_hub(lease=1)
    engine_is_down(machine)
    await first.started()
    await put_off(first)
    await first.crash()
    engine_is_back(machine)
    second = make_hub(lease=1)
    assert (await undone(second)).status is Status.STOPPED


async def test_without_an_inventory_nothing_is_launched_before_the_last_launch_is_stopped(
    make_hub, machine, until
):
    machine.inventory_is_missing = True
    machine.gate = asyncio.Event()
    first = make_hub(lease=1)
    asked = await first.servers.start(await first.user())
    await until(lambda: machine.running)
    await first.crash()
    machine.gate = None
    machine.stop_error = machine.poll_error = RuntimeError("no connection to the engine")
    second = make_hub(lease=1)
    server = await second.servers.wait(asked, 15)
    assert server.failed_start
    assert len(machine.launches) == 1
