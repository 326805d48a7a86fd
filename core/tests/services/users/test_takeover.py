import asyncio

from plughub.domain.servers import Status


async def test_the_next_hub_finishes_the_start_of_a_dead_hub_without_a_second_launch(
    make_hub, machine, proxy, until
):
    machine.gate = asyncio.Event()
    first = make_hub(lease_seconds=1)
    asked = await first.servers.start(await first.user())
    await until(lambda: machine.running)
    await first.crash()
    machine.gate.set()
    second = make_hub(lease_seconds=1)
    server = await second.servers.wait(asked, 15)
    assert server.status is Status.RUNNING
    assert machine.launches == [server.launch]
    assert proxy.routes["/user/alice/"].target == server.url
    token = machine.running[server.launch][0].environment["JUPYTERHUB_API_TOKEN"]
    assert (await second.tokens.authenticate(token)).name == "alice"


async def test_the_next_hub_launches_a_start_that_has_launched_nothing(make_hub, machine, until):
    machine.gate = asyncio.Event()
    machine.forgetful = True
    first = make_hub(lease_seconds=1)
    asked = await first.servers.start(await first.user())
    await until(lambda: machine.running)
    await first.crash()
    await machine.kill(asked.operation.id)
    machine.gate = None
    server = await make_hub(lease_seconds=1).servers.wait(asked, 15)
    assert server.status is Status.RUNNING
    assert len(machine.launches) == 2


async def test_the_next_hub_finishes_the_stop_of_a_dead_hub(make_hub, machine, proxy, until):
    first = make_hub(lease_seconds=1)
    server = await first.started()
    machine.stop_error = RuntimeError("engine is down")
    await first.servers.stop(server)
    await until(lambda: machine.stops)
    await first.crash()
    machine.stop_error = None
    stopped = await make_hub(lease_seconds=1).servers.wait(server, 15)
    assert stopped.status is Status.STOPPED
    assert (machine.running, proxy.routes) == ({}, {})


async def test_a_hub_that_lost_its_lease_changes_nothing(make_hub, machine, until):
    machine.gate = asyncio.Event()
    first = make_hub(lease_seconds=1)
    asked = await first.servers.start(await first.user())
    await until(lambda: machine.running)
    first._tasks[1].cancel()  # it renews no leases, as if it were suspended
    second = make_hub(lease_seconds=1)
    server = await second.servers.wait(asked, 15)
    assert server.status is Status.RUNNING
    machine.gate.set()
    await asyncio.wait_for(first.runner.drain(), 10)
    after = await second.servers.get("alice", "")
    assert (after.ready, after.launch) == (True, server.launch)
    assert list(machine.running) == [server.launch]


async def test_running_servers_are_found_again(make_hub, machine, proxy):
    first = make_hub()
    server = await first.started()
    await first.crash()
    proxy.routes.clear()
    second = make_hub()
    await second.route_reconciler.start()
    await second.poller.run_once()
    assert (await second.servers.get("alice", "")).launch == server.launch
    assert proxy.routes["/user/alice/"].target == server.url


async def test_two_hubs_start_a_server_once(make_hub, machine):
    machine.gate = asyncio.Event()
    one, two = make_hub(), make_hub()
    user = await one.user()
    first, second = await asyncio.gather(one.servers.start(user), two.servers.start(user))
    machine.gate.set()
    server = await one.servers.wait(first, 10)
    assert machine.launches == [server.launch]
    assert (await two.servers.wait(second, 10)).launch == server.launch


async def test_a_server_launched_after_the_lease_was_lost_is_stopped(make_hub, machine, until):
    machine.before = stalled = asyncio.Event()
    first = make_hub(lease_seconds=1)
    asked = await first.servers.start(await first.user())
    await until(lambda: machine.launches)
    first._tasks[1].cancel()  # it renews no leases, as if it were suspended
    machine.before = None
    second = make_hub(lease_seconds=1)
    server = await second.servers.wait(asked, 15)
    stalled.set()
    await until(lambda: len(machine.running) == 2)
    await asyncio.wait_for(first.runner.drain(), 10)
    await second.poller._stop_orphans_of("machine")
    assert list(machine.running) == [server.launch]
    assert (await second.servers.get("alice", "")).ready
