"""Looking after running servers, plugin by plugin."""

import asyncio

from plughub import hookimpl
from plughub.domain.servers import Status
from plughub.kinds import Endpoint


class Hanging:
    """A spawner whose servers run somewhere, and which never says how they are."""

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
        tx.servers.launching(server.id, backend=backend, host="", launch=launch, client_id=None)
        tx.servers.ready(server.id, user.created)

    await hub.store.write(work)


async def test_a_plugin_that_hangs_keeps_nobody_from_looking_after_the_servers_of_others(make_hub, machine):
    hanging = Hanging()
    hub = make_hub(extra={"hanging": hanging})
    await runs_on(hub, "stuck", "hanging")
    server = await hub.started()
    looking = asyncio.create_task(hub.poller.run())
    async with asyncio.timeout(20):
        await hanging.asked.wait()
        await machine.kill(server.launch)
        hub.poller._due.clear()
        async for current in hub.servers.changes(server):
            if current.status is Status.STOPPED:
                break
    assert current.failure.exit_code == 3
    assert (await hub.servers.get("stuck", "")).ready
    looking.cancel()


async def test_two_servers_that_do_not_tell_their_start_are_both_looked_at(hub, machine):
    for name in ("one", "two"):
        await runs_on(hub, name, "", launch="")
    await hub.poller.look()
    for name in ("one", "two"):
        server = await hub.servers.get(name, "")
        assert (await hub.servers.wait(server, 20)).status is Status.STOPPED
