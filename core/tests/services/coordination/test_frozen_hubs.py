"""A hub that is suspended during a transaction, while another one changes the same server."""

import asyncio
import time

import pytest
from sqlalchemy import event

from plughub.domain.errors import InvalidError
from plughub.domain.servers import Failure, Status
from plughub.domain.sessions import Client, LoginCookie
from plughub.services.servers.named_servers import NamedServers
from plughub.services.sharing.codes import ShareCodeService
from plughub.services.tokens.principals import Principal
from plughub.storage.database import WRITE
from plughub.testing.conditions import until


@pytest.fixture
def db_url(postgresql, postgresql_template):
    """A database on which another process can write meanwhile."""
    return postgresql.new_database(postgresql_template)


def frozen_after_reading_a_server(hub, action):
    """Suspend a hub after it has read a server that it is about to change, until an action is done."""
    frozen_after_reading(hub, "spawners", action)


def frozen_after_reading(hub, table, action):
    """Suspend a hub after it first reads a table in a writing transaction, until an action is done."""
    loop = asyncio.get_running_loop()
    pending = [action]
    reading = False

    def freeze(connection, _cursor=None, statement="", *_):
        """Do the action before what follows the reading: the next statement, or the end of the transaction."""
        nonlocal reading
        if reading and pending:
            asyncio.run_coroutine_threadsafe(pending.pop()(), loop).result(20)
        reading = connection.get_execution_options().get(WRITE) and statement.startswith(f"SELECT {table}")

    for moment in ("before_cursor_execute", "commit", "rollback"):
        event.listen(hub.database.engine, moment, freeze)


async def test_a_frozen_start_launches_nothing_beside_a_running_server(make_hub, machine):
    frozen, other = make_hub(), make_hub()
    stopped = await other.stopped(await other.started())
    user = await other.user()
    machine.launches.clear()
    frozen_after_reading_a_server(frozen, other.started)
    with pytest.raises(InvalidError, match="already running"):
        await frozen.servers.start(user)
    server = await other.servers.get("alice", "")
    assert (server.id, server.status) == (stopped.id, Status.RUNNING)
    assert machine.launches == list(machine.running) == [server.launch]


async def test_a_frozen_report_of_an_exit_does_not_end_a_server_started_since(make_hub, machine):
    frozen, other = make_hub(), make_hub()
    dead = await other.started()
    await machine.kill(dead.launch)

    async def restart():
        await other.servers.check(dead)
        await other.started()

    frozen_after_reading_a_server(frozen, restart)
    await frozen.servers.handle_exit(dead, Failure(message="the server ended"))
    server = await other.servers.wait(dead, 20)
    assert (server.status, server.failure) == (Status.RUNNING, None)
    assert list(machine.running) == [server.launch]


@pytest.fixture
async def two_hubs(make_hub):
    """Two hubs with a stopped named server, and a spawner that has nothing to clean up."""
    frozen, other = make_hub(allow_named_servers=True), make_hub(allow_named_servers=True)
    for hub in (frozen, other):
        hub.servers._requests._cleans_up = lambda _plugin: False
    return frozen, other, await other.stopped(await other.started(server="lab"))


async def test_a_frozen_removal_does_not_delete_a_server_started_since(two_hubs, machine):
    frozen, other, stopped = two_hubs
    frozen_after_reading_a_server(frozen, lambda: other.started(server="lab"))
    await frozen.servers.remove(stopped, 20)
    assert await other.store.read(lambda tx: tx.servers.get("alice", "lab")) is None
    assert machine.running == {}


async def test_a_frozen_start_creates_a_removed_server_again(two_hubs, machine):
    frozen, other, stopped = two_hubs
    user = await other.user()

    async def remove():
        await other.servers.remove(stopped, 20)

    frozen_after_reading_a_server(frozen, remove)
    server = await frozen.servers.wait(await frozen.servers.start(user, "lab"), 20)
    assert (server.ready, server.id != stopped.id) == (True, True)
    assert list(machine.running) == [server.launch]


async def test_a_frozen_rename_does_not_rename_a_server_started_since(two_hubs):
    frozen, other, stopped = two_hubs
    named = NamedServers(frozen.store, frozen.hooks, frozen.settings)
    frozen_after_reading_a_server(frozen, lambda: other.started(server="lab"))
    # The start waits for the user's row, until PostgreSQL ends the transaction of the suspended hub.
    with pytest.raises(InvalidError, match="is active"):
        await named.change(stopped, name="hall")
    assert (await other.servers.get("alice", "lab")).ready


async def test_a_share_code_revoked_while_a_hub_was_frozen_grants_nothing(make_hub):
    frozen, other = make_hub(), make_hub()
    alice, bob = await other.user("alice"), await other.user("bob")
    codes = {hub: ShareCodeService(hub.store, hub.tokens._tree) for hub in (frozen, other)}
    scopes = other.tokens._tree.expand({"shares!server=alice/"})
    made = await codes[other].create("alice", "", [], None, Principal(owner=alice, scopes=scopes))
    frozen_after_reading_a_server(frozen, lambda: codes[other].delete("alice", "", code=made.text))
    with pytest.raises(InvalidError, match="not found or expired"):
        await codes[frozen].accept(made.text, bob)
    server = await other.servers.get("alice", "")
    assert await other.store.read(lambda tx: tx.shares.find(server.id, "user", bob.id)) is None


async def test_a_hub_frozen_during_a_logout_adopts_no_jupyterhub_cookie(
    make_hub,
):
    frozen, other = make_hub(), make_hub()
    user = await other.user()
    cookie = LoginCookie(key="kept", cookie_id=user.cookie_id, made_at=time.time())
    frozen_after_reading(frozen, "users", lambda: other.sessions.end_all(user))
    assert await frozen.sessions.principal(cookie, Client()) is None
    assert await other.sessions.of_user(user) == []


# ---- its lease expires meanwhile


def frozen_after(hub, call, is_meant, action):
    """Return a call that suspends a hub, without renewals of its leases, after it was made with the arguments
    that are meant, until an action is done.
    """
    pending = [action]

    async def slow(*arguments):
        answer = await call(*arguments)
        if pending and is_meant(*arguments):
            for task in hub._tasks[:2]:
                task.cancel()
            await pending.pop()()
            hub.woke = True
        return answer

    return slow


def frozen_after_writing(hub, step, action):
    """Suspend a hub after it has written something."""
    hub.store.write = frozen_after(
        hub, hub.store.write, lambda work: work.__qualname__.startswith(step), action
    )


def frozen_after_polling(hub, action):
    """Suspend a hub after it has first polled a server."""
    hub.hooks.poll = frozen_after(hub, hub.hooks.poll, lambda *_: True, action)


async def start_from_queue(hub):
    """Start a server as if it had waited in the queue: it is claimed after it was requested."""
    user = await hub.user()

    def work(tx):
        server, is_claimed = hub.servers._requests.start(tx, user, "", None, "machine", user.name, 0)
        assert not is_claimed
        return server, hub.runner.claim(tx)

    server, claimed = await hub.store.write(work)
    hub.runner.execute(claimed)
    return server


@pytest.fixture
async def frozen_and_other(make_hub):
    """Two hubs, the first of which is about to lose its lease."""
    return make_hub(lease=1), make_hub()


async def finished(hub, status):
    """Wait until another hub has finished the operation on the server of alice."""

    async def at_rest():
        server = await hub.servers.get("alice", "")
        return server if server.operation is None else None

    server = await until(at_rest, seconds=60, pause=0.02)
    assert server.status is status
    return server


async def test_a_start_lost_before_its_first_step_leaves_the_server_to_the_other_hub(
    frozen_and_other, machine
):
    frozen, other = frozen_and_other
    frozen_after_writing(frozen, "ServerService._start", lambda: finished(other, Status.RUNNING))
    await frozen.servers.start(await frozen.user())
    await asyncio.wait_for(frozen.runner.drain(), 60)
    assert frozen.woke
    server = await other.servers.get("alice", "")
    assert (server.status, machine.launches) == (Status.RUNNING, [server.launch])
    token = machine.running[server.launch][0].environment["JUPYTERHUB_API_TOKEN"]
    assert (await other.tokens.authenticate(token)).name == "alice"


async def test_a_start_lost_before_its_launch_launches_nothing(frozen_and_other, machine):
    frozen, other = frozen_and_other
    frozen_after_writing(frozen, "Job.write", lambda: finished(other, Status.RUNNING))
    await start_from_queue(frozen)
    await asyncio.wait_for(frozen.runner.drain(), 60)
    assert frozen.woke
    server = await other.servers.get("alice", "")
    assert machine.launches == list(machine.running) == [server.launch]


async def test_a_start_lost_before_its_route_adds_no_route(frozen_and_other, proxy):
    frozen, other = frozen_and_other

    async def start_and_stop():
        await other.stopped(await finished(other, Status.RUNNING))

    frozen_after_polling(frozen, start_and_stop)
    await frozen.servers.start(await frozen.user())
    await asyncio.wait_for(frozen.runner.drain(), 60)
    assert frozen.woke
    assert proxy.routes == {}


async def test_a_lost_undo_deletes_no_later_route(frozen_and_other, machine, proxy):
    frozen, other = frozen_and_other
    machine.error = RuntimeError("no room")

    async def restart():
        await finished(other, Status.STOPPED)
        machine.error = None
        await other.started()

    frozen_after_writing(frozen, "Job.advance", restart)
    await frozen.servers.start(await frozen.user())
    await asyncio.wait_for(frozen.runner.drain(), 60)
    assert frozen.woke
    server = await other.servers.get("alice", "")
    assert proxy.routes["/user/alice/"].target == server.url
    assert list(machine.running) == [server.launch]


async def test_a_lost_stop_stops_no_server_started_since(frozen_and_other, machine, proxy):
    frozen, other = frozen_and_other
    first = await other.started()

    async def restart():
        await finished(other, Status.STOPPED)
        await other.started()

    frozen_after_writing(frozen, "ServerService.stop", restart)
    await frozen.servers.stop(first)
    await asyncio.wait_for(frozen.runner.drain(), 60)
    assert frozen.woke
    server = await other.servers.get("alice", "")
    assert (server.status, server.operation) == (Status.RUNNING, None)
    assert list(machine.running) == [server.launch] != [first.launch]
    assert proxy.routes["/user/alice/"].target == server.url


async def test_a_late_renewal_without_a_loss_continues(make_hub, machine, until):
    hub = make_hub(lease=1)

    async def oversleep():
        (job,) = hub.runner._jobs.values()
        await until(lambda: time.monotonic() > job.lease_until, 60)

    frozen_after_writing(hub, "Job.write", oversleep)
    server = await hub.servers.wait(await start_from_queue(hub), 60)
    assert hub.woke
    assert (server.status, machine.launches) == (Status.RUNNING, [server.launch])
