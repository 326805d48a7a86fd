"""Nothing of a deleted or renamed user or server passes to a later holder of its name."""

import asyncio

import pytest

from plughub import hookimpl
from plughub.domain.errors import HubError
from plughub.domain.servers import Status
from plughub.domain.tokens import new_token
from plughub.kinds import Resumable
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.servers.named_servers import NamedServers
from plughub.services.tokens.principals import Principal
from plughub.services.tokens.tokens import store_token
from plughub.services.users.login_links import FIELD, OneTimeLinks

KEPT = Resumable(state={"container": "abc"})


class MinimalSpawner:
    """A spawner that starts servers of the machine and has nothing to clean up."""

    def __init__(self, machine):
        async def hub_spawn(server):
            return await machine.launch(server)

        async def hub_poll(server):
            return None if server.operation in machine.running else 0

        async def hub_stop(server, now):
            if server.operation in machine.running:
                await machine.kill(server.operation)
            return machine.resumes

        self.hub_spawn, self.hub_poll, self.hub_stop = map(hookimpl, (hub_spawn, hub_poll, hub_stop))  # type: ignore[arg-type]


@pytest.fixture
async def hub(make_hub):
    hub = make_hub(allow_named_servers=True)
    await hub.store.write(store_initial_records)
    return hub


@pytest.fixture
async def admin(hub):
    user = await hub.user("root")
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, admin=True))
    user = await hub.user("root")
    return Principal(owner=user, scopes=hub.tokens.scopes_of(user))


async def keep(hub, machine, server="", **how):
    """Start and stop a server that is kept; return its token."""
    machine.resumes = KEPT
    await hub.stopped(await hub.started(server=server, **how))
    return machine.tokens[-1]


async def is_void(hub, token):
    return await hub.tokens.authenticate(token) is None


async def resume(hub, machine, token, server="", name="alice"):
    """Start a server whose spawner resumes what has a token."""
    machine.token_of_old = token
    try:
        return await hub.gave_up(name, server=server)
    finally:
        machine.token_of_old = None


async def clients(hub):
    names = ("jupyterhub-user-alice", "jupyterhub-user-alice!lab")
    return await hub.store.read(lambda tx: [name for name in names if tx.oauth.client(name)])


async def test_a_new_user_with_the_name_of_a_deleted_one_inherits_nothing(hub, machine, admin):
    token = await keep(hub, machine)
    await keep(hub, machine, "lab")
    visitor = await hub.user("bob")

    def visit(tx):
        return store_token(tx, new_token(), user_id=visitor.id, client_id="jupyterhub-user-alice!lab")

    of_visit = await hub.store.write(visit)
    await hub.user_admin.delete(await hub.user(), 10, by=admin)

    assert [gone.full_name for gone in machine.deleted] == ["alice/", "alice/lab"], "stopped servers, too"
    assert await clients(hub) == []
    assert await hub.store.read(lambda tx: tx.tokens.by_id(of_visit.id)) is None
    assert await is_void(hub, token)

    failed = await resume(hub, machine, token)
    assert machine.seen["spawn"].state == {}
    assert failed.status is Status.STOPPED
    assert "cannot be resumed" in failed.failure.message
    assert await is_void(hub, token)
    assert machine.running == {}


async def test_a_new_server_with_the_name_of_a_removed_one_inherits_nothing(hub, machine):
    token = await keep(hub, machine, "lab")
    await hub.servers.remove(await hub.servers.get("alice", "lab"), 10)
    assert [gone.full_name for gone in machine.deleted] == ["alice/lab"]
    failed = await resume(hub, machine, token, "lab")
    assert machine.seen["spawn"].state == {}
    assert (failed.status, await is_void(hub, token)) == (Status.STOPPED, True)


async def test_credentials_are_deleted_without_cleanup_by_the_spawner(make_hub, machine):
    hub = make_hub(extra={"forgetful": MinimalSpawner(machine)}, allow_named_servers=True)
    await hub.store.write(store_initial_records)
    token = await keep(hub, machine, "lab", backend="forgetful")
    assert await clients(hub) == ["jupyterhub-user-alice!lab"]
    await hub.servers.remove(await hub.servers.get("alice", "lab"), 10)
    assert (await clients(hub), await is_void(hub, token)) == ([], True)


async def test_renaming_a_server_revokes_its_credentials(hub, machine):
    named = NamedServers(hub.store, hub.hooks, hub.settings)
    token = await keep(hub, machine, "lab")
    await named.change(await hub.servers.get("alice", "lab"), name="hall")
    assert (await clients(hub), await is_void(hub, token)) == ([], True)
    for server in ("lab", "hall"):
        failed = await resume(hub, machine, token, server)
        assert (failed.status, await is_void(hub, token)) == (Status.STOPPED, True)


async def test_renaming_a_user_revokes_the_credentials_of_their_servers(hub, machine, admin):
    token = await keep(hub, machine)
    await hub.user_admin.change(await hub.user(), name="alicia", by=admin)
    assert (await clients(hub), await is_void(hub, token)) == ([], True)
    for name in ("alice", "alicia"):
        failed = await resume(hub, machine, token, name=name)
        assert (failed.status, await is_void(hub, token)) == (Status.STOPPED, True)


@pytest.mark.parametrize("renamed", [True, False])
async def test_a_login_link_is_for_the_user_who_had_the_name_when_it_was_made(hub, admin, *, renamed):
    links = OneTimeLinks(hub.store)
    user, link = await hub.user(), await links.create("alice")
    if renamed:
        await hub.user_admin.change(user, name="alicia", by=admin)
    else:
        await hub.user_admin.delete(user, 10, by=admin)
    login = type("Login", (), {"form": {FIELD: link}})
    assert await links.hub_authenticate(login) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("running", [True, False])
async def test_a_revoked_token_stays_revoked_and_the_server_can_be_started_again(hub, machine, *, running):
    machine.resumes = KEPT
    server = await hub.started()
    token = machine.tokens[-1]
    if not running:
        await hub.stopped(server)
    user = await hub.user()
    (stored,) = await hub.store.read(lambda tx: tx.tokens.of_user(user.id))
    assert await hub.tokens.revoke(user, stored.id)
    if running:
        assert (await hub.stopped(server)).state == {}
    failed = await resume(hub, machine, token)
    assert (failed.status, failed.state, failed.failure.status) == (Status.STOPPED, {}, 409)
    assert await is_void(hub, token)

    again = await hub.started()
    assert again.status is Status.RUNNING
    assert machine.seen["spawn"].state == {}
    assert not await is_void(hub, machine.tokens[-1])


async def test_the_token_of_one_server_resumes_no_other(hub, machine):
    token = await keep(hub, machine, "lab")
    failed = await resume(hub, machine, token, "hall")
    assert failed.status is Status.STOPPED
    assert not await is_void(hub, token), "it is kept for the other one"


async def test_a_token_that_jupyterhub_made_for_a_server_goes_with_it(hub, machine):
    user, token = await hub.user(), new_token()
    note = "Server at /user/alice/"
    await hub.store.write(lambda tx: store_token(tx, token, user_id=user.id, note=note))
    machine.token_of_old = token
    server = await hub.started()
    assert (server.status, await is_void(hub, token)) == (Status.RUNNING, False)
    await hub.stopped(server)
    assert await is_void(hub, token)


async def test_a_process_of_another_server_is_not_adopted(make_hub, machine, proxy, until):
    """A process of a user may know the id of another start and carry it as its mark."""
    machine.gate = asyncio.Event()
    first = make_hub(lease=1)
    asked = await first.servers.start(await first.user())
    await until(lambda: machine.running)
    await first.crash()
    machine.gate.set()
    server, listener, url = machine.running[asked.operation.id]
    impostor = type(server.user)(name="mallory")
    machine.running[asked.operation.id] = (type(server)(user=impostor, mark=server.mark), listener, url)
    second = make_hub(lease=1)
    found = await second.servers.wait(asked, 15)
    assert found.status is Status.RUNNING
    assert found.url != url
    assert proxy.routes["/user/alice/"].target == found.url


async def test_a_server_that_is_not_deleted_keeps_its_credentials_when_the_deletion_fails(
    hub, machine, admin
):
    token = await keep(hub, machine)
    machine.stop_error = OSError("the engine is away")
    await hub.started(server="lab")
    with pytest.raises(HubError):
        await hub.user_admin.delete(await hub.user(), 0.1, by=admin)
    machine.stop_error = None
    assert not await is_void(hub, token)
