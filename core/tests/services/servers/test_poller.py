"""Polls of running servers, plugin by plugin."""

import asyncio
import time

import pytest
from sqlalchemy import text

from plughub import hookimpl
from plughub.domain.servers import Status
from plughub.kinds import Endpoint, SpawnerInfo, Watched
from plughub.services.coordination.background_loops import run_forever


class HangingSpawner:
    """A spawner whose polls never return."""

    def __init__(self):
        self.asked = asyncio.Event()

    @hookimpl
    async def hub_spawn(self, server):
        return Endpoint(url="http://127.0.0.1:9")

    @hookimpl
    async def hub_poll(self, server):
        self.asked.set()
        await asyncio.Event().wait()

    @hookimpl
    async def hub_stop(self, server, now):
        pass


async def runs_on(hub, name, backend, launch="a" * 32):
    user = await hub.user(name)

    def work(tx):
        server = tx.servers.get(name, "")
        tx.servers.record_launch(server.id, backend=backend, host="", launch=launch, client_id=None)
        tx.servers.mark_ready(server.id, user.created)

    await hub.store.write(work)


async def test_a_plugin_that_hangs_does_not_delay_polls_of_others(make_hub, machine, until):
    hanging = HangingSpawner()
    hub = make_hub(extra={"hanging": hanging})
    await runs_on(hub, "stuck", "hanging")
    server = await hub.started()
    looking = asyncio.create_task(hub.poller.run())
    async with asyncio.timeout(60):
        await hanging.asked.wait()
        await until(lambda: (server.id, server.launch) in hub.poller._due, 60)
        await machine.kill(server.launch)
        hub.poller._due[server.id, server.launch] = 0
        async for current in hub.servers.changes(server):
            if current.status is Status.STOPPED:
                break
    assert current.failure.exit_code == 3
    assert (await hub.servers.get("stuck", "")).ready
    looking.cancel()


async def test_two_servers_without_a_launch_id_are_both_polled(hub, machine):
    for name in ("one", "two"):
        await runs_on(hub, name, "", launch="")
    await hub.poller.run_once()
    for name in ("one", "two"):
        server = await hub.servers.get(name, "")
        assert (await hub.servers.wait(server, 20)).status is Status.STOPPED


class LateSpawner(HangingSpawner):
    """A spawner that reports late that the status is unknown."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()

    @hookimpl
    async def hub_poll(self, server):
        self.asked.set()
        await self.gate.wait()
        raise RuntimeError("engine down")


@pytest.mark.parametrize("gone", [True, False])
async def test_an_unknown_state_is_not_stored_for_a_later_launch(make_hub, gone):
    late = LateSpawner()
    hub = make_hub(extra={"late": late}, allow_named_servers=True)
    await runs_on(hub, "alice", "late")
    server = await hub.servers.get("alice", "")
    looking = asyncio.create_task(hub.poller.run_once())
    await asyncio.wait_for(late.asked.wait(), 20)
    if gone:
        await hub.store.write(lambda tx: tx.servers.delete(server.id))
    else:
        await runs_on(hub, "alice", "late", launch="b" * 32)
    late.gate.set()
    await asyncio.wait_for(looking, 20)
    after = await hub.store.read(lambda tx: tx.servers.by_id(server.id))
    assert after is None if gone else after.unknown == ""


async def test_an_unexpected_error_leaves_no_second_loop_behind(make_hub, until, caplog):
    hub = make_hub(extra={"hanging": HangingSpawner()})
    server = await hub.started()
    hub.poller._due[server.id, server.launch] = 0
    looking = asyncio.create_task(run_forever(hub.poller.run))
    hub.database.run(lambda connection: connection.execute(text("ALTER TABLE users RENAME TO users_away")))
    await until(lambda: "users" in caplog.text)
    hub.database.run(lambda connection: connection.execute(text("ALTER TABLE users_away RENAME TO users")))
    looking.cancel()
    await asyncio.wait({looking}, timeout=10)
    left = [task for task in asyncio.all_tasks() if "Poller." in task.get_coro().__qualname__]
    assert left == []


@pytest.mark.parametrize("trouble", ["unknown", "without address"])
async def test_a_server_of_unknown_state_or_address_is_polled_again_soon(hub, machine, trouble):
    server = await hub.started()

    async def due_in():
        hub.poller._due.clear()
        await hub.poller.run_once()
        return hub.poller._due[server.id, server.launch] - time.monotonic()

    assert await due_in() > 10
    if trouble == "unknown":
        machine.poll_error = OSError("the engine is away")
    else:
        await hub.store.write(
            lambda tx: tx.servers.record_move(server, url="", state=None, unreachable="it has none")
        )
    assert await due_in() <= 1


async def test_a_server_reported_as_ended_is_polled_at_once(hub, machine, proxy, until):
    server = await hub.started()
    looking = asyncio.create_task(hub.poller.run())
    await until(lambda: (server.id, server.launch) in hub.poller._due, 60)
    await machine.kill(server.launch)
    for operation in ("of-no-server", server.launch):
        machine.ended.put_nowait(operation)
    async with asyncio.timeout(20):  # the next regular poll is due in 27 s at the earliest
        async for current in hub.servers.changes(server):
            if current.status is Status.STOPPED:
                break
    assert "/user/alice/" not in proxy.routes
    assert not looking.done()
    looking.cancel()


class WatchingSpawner:
    """A spawner that watches its servers until its watch is interrupted."""

    def __init__(self):
        self.polls = 0
        self.interrupted = asyncio.Event()

    @hookimpl
    async def hub_spawn(self, server):
        return Endpoint(url="http://127.0.0.1:9")

    @hookimpl
    async def hub_poll(self, server):
        self.polls += 1
        return Watched()

    @hookimpl
    async def hub_watch(self):
        await self.interrupted.wait()
        self.interrupted.clear()
        for operation in ():
            yield operation

    @hookimpl
    async def hub_stop(self, server, now):
        pass


async def test_a_watched_server_is_polled_rarely_until_its_watch_ends(make_hub, until):
    watching = WatchingSpawner()
    info = SpawnerInfo(poll_interval=100, poll_jitter=0)
    hub = make_hub(extra={"watching": watching}, spawners={"watching": info})
    await runs_on(hub, "alice", "watching")
    server = await hub.store.read(lambda tx: tx.servers.get("alice", ""))
    where = {"url": "http://127.0.0.1:9", "prefix": "/user/alice/", "state": {}}
    await hub.store.write(lambda tx: tx.servers.record_endpoint(server.id, **where))
    polling = asyncio.create_task(hub.poller.run())
    await until(lambda: hub.poller._due)
    (due,) = hub.poller._due.values()
    assert 900 < due - time.monotonic() <= 1000
    watching.interrupted.set()
    await until(lambda: next(iter(hub.poller._due.values())) - time.monotonic() <= 100)
    assert watching.polls == 1
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
