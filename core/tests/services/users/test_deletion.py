"""Users are added and deleted: authenticators prepare and clean up, even if a process dies meanwhile."""

import asyncio
import time

import pytest

from plughub import hookimpl
from plughub.domain.errors import ForbiddenError, InvalidError, PluginError
from plughub.kinds import Identity, Refusal
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.services.settings import LoginPolicy
from plughub.services.tokens.principals import Principal
from plughub.services.users.startup_user_sync import StartupUserSync
from plughub.testing import conditions
from plughub.testing.costs import counted


class Registry:
    """An authenticator that keeps accounts."""

    def __init__(self, *, deny=()):
        self.accounts = []
        self.deny = set(deny)
        self.error = None
        self.gate = None
        self.asked = []

    @hookimpl
    async def hub_authenticate(self, login):
        return Identity(name=login.username) if login.password == "pw" else None

    @hookimpl
    async def hub_add_user(self, user):
        if self.error:
            raise self.error
        if user.name in self.deny:
            return Refusal(f"no room for {user.name}")
        if user.name not in self.accounts:
            self.accounts.append(user.name)
        return None

    @hookimpl
    async def hub_rename_user(self, user, name):
        if self.error:
            raise self.error
        self.accounts = [name if account == user.name else account for account in self.accounts]

    @hookimpl
    async def hub_delete_user(self, user):
        self.asked.append(user.name)
        if self.error:
            raise self.error
        if self.gate:
            await self.gate.wait()
        if user.name in self.accounts:
            self.accounts.remove(user.name)


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
async def make_registered(make_hub, registry):
    def make(**others):
        plugins = {"registry": registry, **others}
        return make_hub(extra=plugins, policies={name: LoginPolicy() for name in plugins})

    return make


@pytest.fixture
async def hub(make_registered):
    return make_registered()


@pytest.fixture
async def admin(hub):
    user = await hub.user("root")
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, admin=True))
    user = await hub.user("root")
    return Principal(owner=user, scopes=hub.tokens.scopes_of(user))


def names(hub):
    return hub.store.read(lambda tx: sorted(tx.user_list.known(["alice", "bob", "alicia"])))


async def test_an_authenticator_prepares_for_a_login_and_may_refuse(hub, registry):
    await hub.logins.log_in("alice", "pw")
    assert registry.accounts == ["alice"]
    registry.deny.add("bob")
    with pytest.raises(ForbiddenError, match="no room for bob"):
        await hub.logins.log_in("bob", "pw")
    assert await names(hub) == ["alice"]


async def test_an_authenticator_prepares_for_users_whom_an_admin_adds(hub, registry, admin):
    await hub.user_admin.create(["Alice", "bob"], admin=False, by=admin)
    assert registry.accounts == ["alice", "bob"]


async def test_no_user_is_stored_when_one_is_refused(hub, registry, admin):
    registry.deny.add("bob")
    with pytest.raises(InvalidError, match="no room for bob"):
        await hub.user_admin.create(["alice", "bob"], admin=False, by=admin)
    registry.error = OSError("no connection")
    with pytest.raises(InvalidError, match="no connection"):
        await hub.user_admin.create(["alice"], admin=False, by=admin)
    assert await names(hub) == []


async def test_one_authenticator_that_accepts_a_new_user_is_enough(make_registered, registry, admin):
    hub = make_registered(other=Registry(deny=["alice", "bob"]))
    registry.deny.add("bob")
    await hub.user_admin.create(["alice"], admin=False, by=admin)
    with pytest.raises(InvalidError, match=r"registry: .*; other: "):
        await hub.user_admin.create(["bob"], admin=False, by=admin)


async def test_an_authenticator_applies_or_refuses_a_rename(hub, registry, admin):
    user = (await hub.logins.log_in("alice", "pw")).user
    registry.error = OSError("no connection")
    with pytest.raises(PluginError, match="no connection"):
        await hub.user_admin.change(user, name="alicia", by=admin)
    assert await names(hub) == ["alice"]
    registry.error = None
    await hub.user_admin.change(user, name="alicia", by=admin)
    assert (registry.accounts, await names(hub)) == (["alicia"], ["alicia"])


async def test_servers_are_stopped_and_plugins_clean_up_before_a_user_is_deleted(
    hub, registry, admin, machine
):
    await hub.logins.log_in("alice", "pw")
    server = await hub.started()
    await hub.user_admin.delete(await hub.user(), 10, by=admin)
    assert (registry.accounts, await names(hub)) == ([], [])
    assert machine.running == {}
    assert [gone.full_name for gone in machine.deleted] == [server.full_name]
    assert machine.deleted[0].user.name == "alice"


async def test_only_authenticators_that_know_a_user_clean_up(make_registered, registry, admin):
    stranger = Registry()
    hub = make_registered(stranger=stranger)
    stranger.accounts = ["alice", "bob"]
    await hub.logins.log_in("alice", "pw")
    await hub.user("bob")
    for name in ("alice", "bob"):
        await hub.user_admin.delete(await hub.user(name), 10, by=admin)
    assert stranger.accounts == ["alice"]
    assert registry.accounts == []


async def test_a_user_is_kept_when_an_authenticator_cannot_clean_up(hub, registry, admin):
    await hub.logins.log_in("alice", "pw")
    registry.error = OSError("no connection")
    with pytest.raises(PluginError, match="no connection"):
        await hub.user_admin.delete(await hub.user(), 10, by=admin)
    registry.error = None
    await hub.logins.log_in("alice", "pw")
    await hub.started()


async def test_a_server_that_cannot_be_cleaned_up_does_not_keep_its_user(hub, admin, machine, caplog):
    machine.delete_error = OSError("the disk is busy")
    await hub.logins.log_in("alice", "pw")
    await hub.user_admin.delete(await hub.user(), 10, by=admin)
    assert await names(hub) == []
    assert "the disk is busy" in caplog.text


async def test_a_user_with_a_pending_deletion_can_neither_log_in_nor_start_servers(
    hub, registry, admin, until
):
    user = (await hub.logins.log_in("alice", "pw")).user
    registry.gate = asyncio.Event()
    deleting = asyncio.create_task(hub.user_admin.delete(user, 10, by=admin))
    await conditions.until(
        lambda: hub.store.read(lambda tx: tx.pending_deletions.is_pending(user.id)), pause=0.01
    )
    with pytest.raises(ForbiddenError, match="being deleted"):
        await hub.logins.log_in("alice", "pw")
    with pytest.raises(InvalidError, match="being deleted"):
        await hub.servers.start(user)
    registry.gate.set()
    await deleting
    assert await names(hub) == []


async def test_another_process_resumes_the_deletion_of_a_dead_one(make_registered, registry, admin):
    first = make_registered()
    user = (await first.logins.log_in("alice", "pw")).user
    await first.started()
    registry.gate = asyncio.Event()
    deleting = asyncio.create_task(first.user_admin.delete(user, 10, by=admin))
    await conditions.until(
        lambda: first.store.read(lambda tx: tx.pending_deletions.is_pending(user.id)), pause=0.01
    )
    deleting.cancel()
    await asyncio.gather(deleting, return_exceptions=True)
    await first.crash()
    registry.gate = None

    second = make_registered()
    await second.deletion.run_once()
    assert await names(second) == ["alice"], "a process that has not joined takes nothing over"
    await HubRegistry(second.store, second.settings, lambda _changes: None).join()
    await second.deletion.run_once()
    assert (await names(second), registry.accounts) == ([], [])


async def test_a_process_does_not_resume_the_deletion_of_a_live_one(make_registered, registry, admin):
    first, second = make_registered(), make_registered()
    for hub in (first, second):
        await HubRegistry(hub.store, hub.settings, lambda _changes: None).join()
    user = await first.user()
    await first.store.write(
        lambda tx: tx.pending_deletions.begin(user.id, holder=first.settings.hub_id, requested_by="root")
    )
    await second.deletion.run_once()
    assert await names(second) == ["alice"]


async def test_a_process_resumes_a_deletion_that_it_had_to_interrupt(hub):
    await HubRegistry(hub.store, hub.settings, lambda _changes: None).join()
    user = await hub.user()
    await hub.store.write(
        lambda tx: tx.pending_deletions.begin(user.id, holder=hub.settings.hub_id, requested_by="root")
    )
    await hub.deletion.run_once()
    assert await names(hub) == []


async def test_a_process_does_not_resume_a_deletion_that_it_has_just_begun(make_registered, registry, admin):
    hub = make_registered()
    await HubRegistry(hub.store, hub.settings, lambda _changes: None).join()
    user = (await hub.logins.log_in("alice", "pw")).user
    registry.asked.clear()
    write, begun = hub.store.write, asyncio.Event()

    async def and_look(work):
        answer = await write(work)
        if not begun.is_set():  # the deletion is stored, but the client has no answer yet
            begun.set()
            await hub.deletion.run_once()
        return answer

    hub.store.write = and_look
    await hub.deletion.delete(user, 10)
    assert (await names(hub), registry.asked) == ([], ["alice"])


async def test_a_cancelled_deletion_keeps_the_user(hub):
    user = await hub.user()
    with pytest.raises(InvalidError, match="was cancelled"):
        await hub.deletion._execute(user, 10, "")
    assert await names(hub) == ["alice"]


async def call_roll(hub, **more):
    await StartupUserSync(hub.store, hub.settings, hub.user_preparation, hub.deletion, **more).run()


async def test_startup_calls_authenticators_for_all_users(hub, registry, monkeypatch):
    monkeypatch.setattr("plughub.services.users.startup_user_sync.PAGE", 2)
    for name in ("a", "b", "c", "d", "e"):
        await hub.user(name)
    await call_roll(hub, blocked=frozenset({"c"}))
    assert registry.accounts == ["a", "b", "d", "e"]


class Acceptor:
    """An authenticator that prepares nothing."""

    @hookimpl
    async def hub_authenticate(self, login):
        return Identity(name=login.username)


async def test_startup_reads_no_user_if_no_authenticator_prepares_users(make_hub):
    hub = make_hub(extra={"acceptor": Acceptor()}, policies={"acceptor": LoginPolicy()})
    await hub.user("alice")
    with counted(hub.database) as costs:
        await call_roll(hub)
    assert (costs.statements, costs.reads) == ([], 0)


async def test_startup_calls_no_authenticator_that_accepts_every_stored_user(hub, registry):
    await hub.user("alice")
    with counted(hub.database) as costs:
        await call_roll(hub, accepting=frozenset({"registry"}))
    assert (costs.statements, registry.accounts) == ([], [])


async def test_startup_calls_authenticators_only_for_their_own_users(make_registered, registry):
    hub = make_registered(acceptor=Acceptor())
    known, admitted, own, _ = [await hub.user(name) for name in ("known", "admitted", "own", "of all")]

    def work(tx):
        tx.users.add_identity(known.id, "acceptor", "known")
        tx.admissions.grant([known.id, own.id], ["registry"])
        tx.admissions.grant([admitted.id], ["acceptor"])

    await hub.store.write(work)
    await call_roll(hub)
    assert registry.accounts == ["own", "of all"]


async def test_startup_needs_as_many_statements_for_a_page_of_many_users_as_for_few(hub, registry):
    await hub.user("alice")
    counts = []
    for number in (1, 40):
        await hub.store.write(lambda tx, n=number: tx.user_list.create([f"u{n}-{i}" for i in range(n)]))
        with counted(hub.database) as costs:
            await call_roll(hub)
        counts.append(len(costs.statements))
    assert counts[0] == counts[1]
    assert len(registry.accounts) == 42


async def test_startup_lets_other_work_run_between_users_of_an_authenticator_that_never_waits(hub, registry):
    for name in ("a", "b", "c"):
        await hub.user(name)
    turns = []

    async def take_turns():
        while len(registry.accounts) < 3:
            turns.append(len(registry.accounts))
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    await call_roll(hub)
    await other
    assert {1, 2} <= set(turns)


async def test_refused_users_are_deleted_only_where_configured(hub, registry, monkeypatch):
    monkeypatch.setattr("plughub.services.users.startup_user_sync.PAGE", 1)
    await hub.user("alice")
    await hub.user("bob")
    registry.deny = {"alice"}
    await call_roll(hub)
    assert await names(hub) == ["alice", "bob"]
    await call_roll(hub, delete_invalid=frozenset({"registry"}))
    assert await names(hub) == ["bob"]


async def test_a_failing_authenticator_deletes_no_user(hub, registry):
    await hub.user("alice")
    registry.error = OSError("no connection")
    await call_roll(hub, delete_invalid=frozenset({"registry"}))
    assert await names(hub) == ["alice"]


async def test_no_query_is_made_while_no_deletion_is_pending(make_hub):
    hub = make_hub()
    user = await hub.user()
    change_feed = hub.deletion._change_feed
    queries = []

    async def look():
        queries.append(None)

    async def feel():
        change_feed.update(await hub.store.read(lambda tx: tx.activity_snapshot()), time.monotonic())
        await hub.deletion._run_if_needed()

    hub.deletion.run_once = look
    await hub.deletion._run_if_needed()
    assert len(queries) == 1
    await feel()
    assert len(queries) == 1
    await hub.store.write(lambda tx: tx.pending_deletions.begin(user.id, holder="gone", requested_by=""))
    await feel()
    assert len(queries) == 2
