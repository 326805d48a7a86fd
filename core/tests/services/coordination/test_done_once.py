"""Work that one of three hub processes on one PostgreSQL does for all, counted where it arrives."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text

from plughub import hookimpl
from plughub.domain.servers import Status
from plughub.kinds import SpawnerInfo
from plughub.services.coordination.hub_registry import HubRegistry

HUBS, ROUNDS, SERVERS = 3, 4, 5
PURGED = ("api_tokens", "oauth_codes", "shares", "share_codes", "plughub_operations", "plughub_audit")
COUNTING = """
CREATE TABLE arrived (what TEXT);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO arrived VALUES (TG_TABLE_NAME); RETURN NULL; END';
"""
DELETIONS = "CREATE TRIGGER counted AFTER DELETE ON {} FOR EACH STATEMENT EXECUTE FUNCTION note()"
EXPIRED = """
INSERT INTO api_tokens (hashed, prefix, expires_at) VALUES ('old', 'o', '2001-01-01'), ('new', 'n', '2901-01-01');
INSERT INTO oauth_codes (code, expires_at) VALUES ('old', 1), ('new', 2000000000);
"""


@pytest.fixture
def db_url(postgresql, postgresql_template):
    return postgresql.new_database(postgresql_template)


class CountingSpawner:
    """A spawner that counts its polls; its servers run until they are marked as ended."""

    def __init__(self):
        self.polls = Counter()
        self.inventories = 0
        self.dead = set()

    @hookimpl
    def hub_spawner_info(self):
        return SpawnerInfo()

    @hookimpl
    async def hub_spawn(self, server):
        raise AssertionError("nothing is started here")

    @hookimpl
    async def hub_poll(self, server):
        self.polls[server.user.name] += 1
        return 1 if server.user.name in self.dead else None

    @hookimpl
    async def hub_stop(self, server, now):
        pass

    @hookimpl
    async def hub_inventory(self, mark):
        self.inventories += 1
        return []


async def have_running(hub, name):
    user = await hub.user(name)

    def work(tx):
        server = tx.servers.get(name, "")
        tx.servers.record_launch(server.id, backend="polled", host="", launch=name * 3, client_id=None)
        tx.servers.mark_ready(server.id, user.created)

    await hub.store.write(work)


async def look_everywhere(hubs):
    """Let all hubs poll all servers at the same moment, several times."""
    for _ in range(ROUNDS):
        for hub in hubs:
            hub.poller._due.clear()
        await asyncio.gather(*(hub.poller.run_once() for hub in hubs))


async def test_one_hub_polls_each_server_until_another_takes_over(make_hub):
    polled = CountingSpawner()
    hubs = [make_hub(extra={"polled": polled}) for _ in range(HUBS)]
    names = [f"user{number}" for number in range(SERVERS)]
    for name in names:
        await have_running(hubs[0], name)
    await look_everywhere(hubs)
    assert polled.polls == dict.fromkeys(names, ROUNDS)

    (leader,) = (hub for hub in hubs if hub.poller._leaderships["poll:polled"].is_held)
    await leader.crash()
    others = [hub for hub in hubs if hub is not leader]
    await others[0].store.write(lambda tx: tx.leases.release(leader.settings.hub_id))
    polled.polls.clear()
    await look_everywhere(others)
    assert polled.polls == dict.fromkeys(names, ROUNDS)


async def test_a_dead_server_is_cleaned_up_once(make_hub):
    polled = CountingSpawner()
    hubs = [make_hub(extra={"polled": polled}) for _ in range(HUBS)]
    await have_running(hubs[0], "alice")
    polled.dead.add("alice")
    await look_everywhere(hubs)
    server = await hubs[0].servers.wait(await hubs[0].servers.get("alice", ""), 20)
    assert server.status is Status.STOPPED
    assert polled.polls["alice"] == 1
    with hubs[0].database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM plughub_operations")).scalar_one() == 1


async def test_one_hub_looks_for_orphans(make_hub):
    polled = CountingSpawner()
    hubs = [make_hub(extra={"polled": polled}) for _ in range(HUBS)]
    for _ in range(ROUNDS):
        await asyncio.gather(*(hub.poller._stop_orphans_of("polled") for hub in hubs))
    assert polled.inventories == ROUNDS


async def test_one_hub_deletes_expired_records(make_hub):
    hubs = [make_hub() for _ in range(HUBS)]
    with hubs[0].database.engine.begin() as connection:
        connection.execute(text(EXPIRED))
        connection.execute(text(COUNTING))
        for table in PURGED:
            connection.execute(text(DELETIONS.format(table)))
    members = [HubRegistry(hub.store, hub.settings, lambda _: None) for hub in hubs]
    for _ in range(ROUNDS):
        await asyncio.gather(
            *(hub.store.write(of._purge_records) for hub, of in zip(hubs, members, strict=True))
        )
    with hubs[0].database.engine.connect() as connection:
        arrived = Counter(connection.execute(text("SELECT what FROM arrived")).scalars())
        left = {
            *connection.execute(text("SELECT hashed FROM api_tokens")).scalars(),
            *connection.execute(text("SELECT code FROM oauth_codes")).scalars(),
        }
    assert arrived == dict.fromkeys(PURGED, ROUNDS)
    assert left == {"new"}
