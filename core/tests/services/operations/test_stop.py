import asyncio

from plughub.domain.servers import Status


async def test_a_stop_deletes_route_token_and_client(hub, machine, proxy):
    server = await hub.stopped(await hub.started())
    assert (server.status, server.failure, server.url) == (Status.STOPPED, None, "")
    assert (machine.running, proxy.routes) == ({}, {})
    assert await hub.store.read(lambda tx: tx.tokens.of_user(server.user_id)) == []


async def test_a_server_that_cannot_be_stopped_stays_reachable_with_a_reason(hub, machine, proxy):
    server = await hub.started()
    machine.stop_error = RuntimeError("engine is down")
    still = await hub.stopped(server)
    assert still.status is Status.RUNNING
    assert "engine is down" in still.failure.detail
    assert proxy.routes["/user/alice/"].target == server.url


async def test_stopping_a_stopped_server_does_nothing(hub, machine):
    server = await hub.stopped(await hub.started())
    assert (await hub.stopped(server)).operation is None
    assert len(machine.stops) == 1


async def test_a_named_server_can_be_deleted(make_hub):
    hub = make_hub(allow_named_servers=True)
    server = await hub.started(server="lab")
    await hub.stopped(server, remove=True)
    assert await hub.store.read(lambda tx: tx.servers.get("alice", "lab")) is None


async def test_a_dead_server_is_cleaned_up_and_its_exit_reported(hub, machine, proxy, until):
    server = await hub.started()
    await machine.kill(server.launch)
    await hub.poller.run_once()
    dead = await hub.servers.wait(server, 10)
    assert (dead.status, dead.failure.exit_code) == (Status.STOPPED, 3)
    assert dead.failure.logs
    assert proxy.routes == {}


async def test_unknown_is_not_stopped(hub, machine, proxy):
    server = await hub.started()
    machine.poll_error = RuntimeError("engine is down")
    await hub.poller.run_once()
    unknown = await hub.servers.get("alice", "")
    assert unknown.ready
    assert "engine is down" in unknown.unknown
    assert "/user/alice/" in proxy.routes
    machine.poll_error = None
    hub.poller._due.clear()
    await hub.poller.run_once()
    assert (await hub.servers.get("alice", "")).unknown == ""
    assert server.launch in machine.running


async def test_an_orphaned_server_is_stopped(hub, machine, make_hub):
    server = await hub.started()
    stray = machine.running[server.launch]
    machine.running["f" * 32] = stray
    await hub.poller._stop_orphans_of("machine")
    assert list(machine.running) == [server.launch]
    machine.running["f" * 32] = stray
    machine.running.pop("f" * 32)


async def test_a_server_can_be_deleted_while_it_is_being_stopped(make_hub, machine, until):
    hub = make_hub(allow_named_servers=True)
    server = await hub.started(server="lab")
    machine.stop_gate = asyncio.Event()
    await hub.servers.stop(server)
    await until(lambda: machine.stops)
    await hub.servers.remove(server, 0)
    machine.stop_gate.set()
    await hub.runner.drain()
    assert await hub.store.read(lambda tx: tx.servers.get("alice", "lab")) is None


async def test_a_start_cancelled_by_a_deletion_deletes_the_server(make_hub, machine, until):
    hub = make_hub(allow_named_servers=True)
    machine.gate = asyncio.Event()
    asked = await hub.servers.start(await hub.user(), "lab")
    await until(lambda: machine.running)
    await hub.servers.stop(asked, remove=True)
    await hub.runner.drain()
    assert await hub.store.read(lambda tx: tx.servers.get("alice", "lab")) is None
    assert machine.running == {}


async def test_a_start_cancelled_in_the_queue_launches_nothing(make_hub, machine, until):
    first = make_hub(lease=1)
    user = await first.user()
    first.runner.is_closing = True  # it claims no operations
    asked = await first.servers.start(user)
    await first.store.write(lambda tx: tx.operations.admit(0))
    await first.servers.stop(asked)
    second = make_hub(lease=1)
    server = await second.servers.wait(asked, 10)
    assert (server.status, machine.launches) == (Status.STOPPED, [])
