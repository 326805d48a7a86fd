"""What an idle hub does does not grow with its servers and users: statements are counted, not timed."""

import uuid

import pytest
from sqlalchemy import event

from plughub import hookimpl
from plughub.domain.clock import utcnow
from plughub.kinds import Endpoint, SpawnerInfo
from plughub.services.coordination.initial_records import store_initial_records
from plughub.testing.databases import prepare_database


class FreeSpawner:
    """A spawner that costs nothing and counts its polls; its servers never end."""

    def __init__(self):
        self.polls = 0

    @hookimpl
    async def hub_spawn(self, server):
        return Endpoint(url="http://127.0.0.1:9")

    @hookimpl
    async def hub_poll(self, server):
        self.polls += 1

    @hookimpl
    async def hub_stop(self, server, now):
        pass


@pytest.fixture
def db_url(tmp_path):
    url = f"sqlite:///{tmp_path}/hub.sqlite"
    prepare_database(url)
    return url


@pytest.fixture
async def start(make_hub):
    """Start a hub process like the application, without its periodic tasks; returns it and its statements."""

    async def start():
        free = FreeSpawner()
        hub = make_hub(extra={"free": free}, lease=600, spawners={"free": SpawnerInfo(poll_interval=10**6)})
        for loop in hub._tasks:
            loop.cancel()
        statements = []
        event.listen(hub.database.engine, "connect", lambda one, _: one.set_trace_callback(statements.append))
        await hub.hub_registry.join()
        await hub.poller.adopt(None)
        await hub.route_reconciler.start()
        hub.free, hub.statements = free, statements
        return hub

    return start


async def fill(hub, servers, users=0):
    """Store running servers, and users who have none."""

    def work(tx):
        store_initial_records(tx)
        keys = tx.user_list.create([uuid.uuid4().hex for _ in range(servers + users)])
        for key in keys[:servers]:
            (server,) = tx.servers.of_user(key)
            tx.servers.record_launch(server.id, backend="free", host="", launch=f"{key:032}", client_id=None)
            tx.servers.record_endpoint(
                server.id, url=f"http://127.0.0.1:{10_000 + key}", prefix=f"/user/{key}/", state={}
            )
            tx.servers.mark_ready(server.id, utcnow())

    await hub.store.write(work)


async def idle_round(hub):
    """Do what an idle hub process does in two seconds."""
    for _ in range(2):
        await hub.hub_registry.poll_changes_once()
        await hub.hub_registry.poll_changes_once()
        await hub.route_reconciler.run_once()
    await hub.poller.run_once()


def queries(hub):
    """Return the statements since the last call, except those that read the counter of commits."""
    found, hub.statements[:] = list(hub.statements), []
    return [text for text in found if not text.startswith("PRAGMA")]


async def test_an_idle_hub_reads_nothing_and_polls_no_server_again(start, proxy):
    hub = await start()
    await fill(hub, 30)
    await hub.hub_registry.leave()
    hub = await start()
    assert (hub.free.polls, len(proxy.routes)) == (30, 31)
    for _ in range(2):  # reads what the start has changed
        await idle_round(hub)
    assert queries(hub)
    for _ in range(5):
        await idle_round(hub)
    assert queries(hub) == []
    assert hub.free.polls == 30


async def test_statements_of_a_start_grow_neither_with_users_nor_with_servers(start):
    counts = []
    for servers, users in ((0, 0), (3, 0), (60, 0), (0, 600)):
        hub = await start()
        await fill(hub, servers, users)
        await hub.hub_registry.leave()
        hub = await start()
        await idle_round(hub)
        counts.append(len(queries(hub)))
        await hub.hub_registry.leave()
    assert counts[1:] == [counts[1]] * 3
    assert counts[0] <= counts[1] < 80


async def test_polls_of_many_servers_share_their_statements(start):
    hub = await start()
    counts = []
    for servers in (3, 60):
        await fill(hub, servers)
        for _ in range(2):
            await idle_round(hub)
        queries(hub)
        hub.poller._due.clear()
        await hub.poller.run_once()
        counts.append(len(queries(hub)))
    assert hub.free.polls >= 63
    assert counts[0] == counts[1]
