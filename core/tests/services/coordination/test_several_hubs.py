"""Several hub processes on one database that receive the same requests simultaneously."""

import asyncio
import os

from plughub import hookimpl
from plughub.classes.processes.identity import ProcessIdentity
from plughub.domain.errors import ForbiddenError
from plughub.domain.roles import default_role
from plughub.domain.scopes import ScopeTree
from plughub.domain.servers import Status
from plughub.kinds import Identity
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.services.tokens.principals import Principal

AT_ONCE = 8


class GroupsAuthenticator:
    @hookimpl
    async def hub_authenticate(self, login):
        return Identity(name=login.username, groups=frozenset({"a", "b"}))


def members(hubs):
    return [HubRegistry(hub.store, hub.settings, hub.tokens.cache.changed) for hub in hubs]


async def test_concurrent_logins_of_a_new_user_all_succeed(make_hub):
    hubs = [make_hub(extra={"groups": GroupsAuthenticator()}) for _ in range(2)]
    await hubs[0].user("root")
    logins = [hub.logins.log_in("alice", "") for hub in hubs for _ in range(AT_ONCE // 2)]
    sessions = await asyncio.gather(*logins)
    assert len({session.user.id for session in sessions}) == 1
    user = await hubs[1].store.read(lambda tx: tx.users.get("alice"))
    assert (user.groups, user.roles) == (("a", "b"), ("user",))


async def test_concurrent_logins_by_two_plugins_with_one_name_never_share_a_user(make_hub, password_table):
    people = {f"user{n}": "good" for n in range(AT_ONCE)}
    one, two = (make_hub(extra={name: password_table(people)}) for name in ("first", "second"))
    await one.user("root")
    for name in people:
        answers = await asyncio.gather(
            one.logins.log_in(name, "good"), two.logins.log_in(name, "good"), return_exceptions=True
        )
        assert sum(isinstance(answer, ForbiddenError) for answer in answers) == 1, answers


async def test_a_hub_killed_on_this_machine_is_dead_at_once(make_hub):
    hub = make_hub()
    (hub_registry,) = members([hub])
    here = hub.settings.host
    for key, host, pid, birth in (
        ("killed", here, os.getpid(), 1.0),
        ("lives", here, os.getpid(), ProcessIdentity.of(os.getpid()).ticks),
        ("there", "far", os.getpid(), 1.0),
        ("unknown", here, 2**30, 0.0),
    ):
        await hub.store.write(
            lambda tx, key=key, host=host, pid=pid, birth=birth: tx.hub_processes.join(
                key, host=host, pid=pid, birth=birth, url=""
            )
        )
    assert {other.id for other in await hub_registry.others()} == {
        "lives",
        "there",
        "unknown",
    }


async def test_concurrent_requests_for_a_new_server_create_one(make_hub, machine):
    one, two = (make_hub(allow_named_servers=True) for _ in range(2))
    user = await one.user()
    machine.gate = asyncio.Event()
    asked = await asyncio.gather(
        *(hub.servers.start(user, "lab") for hub in (one, two) for _ in range(AT_ONCE // 2))
    )
    assert len({server.id for server in asked}) == 1
    machine.gate.set()
    server = await one.servers.wait(asked[0], 10)
    assert (server.status, machine.launches) == (Status.RUNNING, [server.launch])


async def test_the_limit_of_named_servers_holds_for_concurrent_requests(make_hub):
    hubs = [make_hub(allow_named_servers=True, named_server_limit_per_user=2) for _ in range(2)]
    user = await hubs[0].user()
    starts = [hubs[n % 2].servers.start(user, f"lab{n}") for n in range(AT_ONCE)]
    await asyncio.gather(*starts, return_exceptions=True)
    servers = await hubs[0].servers.of_user(user)
    assert len([server for server in servers if server.name]) == 2


async def test_a_hub_that_was_considered_dead_registers_again(make_hub):
    hubs = [make_hub(lease=1) for _ in range(2)]
    awake, asleep = members(hubs)
    await awake.join()
    await asleep.join()
    await hubs[0].store.write(lambda tx: tx.hub_processes.leave(hubs[1].settings.hub_id))
    await hubs[1].store.write(asleep._store_heartbeat)
    listed = await hubs[0].store.read(lambda tx: tx.hub_processes.list())
    assert {hub.id for hub in listed} == {hub.settings.hub_id for hub in hubs}


async def test_concurrent_stops_are_one_stop(make_hub, machine):
    hubs = [make_hub() for _ in range(2)]
    server = await hubs[0].started()
    await asyncio.gather(*(hubs[n % 2].servers.stop(server) for n in range(AT_ONCE)))
    assert (await hubs[1].servers.wait(server, 10)).status is Status.STOPPED
    assert len(machine.stops) == 1


async def test_caches_are_discarded_when_changes_may_have_been_missed(make_hub, caplog):
    one, other = make_hub(), make_hub()
    user = await one.user()
    cache, missed = other.tokens.cache, []

    def miss():
        cache.clear()
        missed.append(True)

    follower = HubRegistry(other.store, other.settings, cache.changed, on_missed=miss)
    await follower.poll_changes_once()
    assert (await other.by_old_cookie(user.cookie_id)).name == "alice"
    await one.store.write(lambda tx: tx.user_list.delete(user.id))
    await one.store.write(lambda tx: tx.changes.purge(tx.now() + 1))  # as after a long suspension
    await follower.poll_changes_once()
    assert (missed, (await other.by_old_cookie(user.cookie_id)).name) == ([], "alice")
    for seconds in (3600, -3600):  # it was suspended, or another database with another clock has taken over
        follower._until += seconds
        await follower.poll_changes_once()
        assert await other.by_old_cookie(user.cookie_id) is None
    assert len(missed) == 2
    assert "discarding all caches" in caplog.text


async def test_a_change_that_waited_long_for_a_lock_is_reported(make_hub):
    hub = make_hub()
    received = []
    follower = HubRegistry(hub.store, hub.settings, received.extend)
    await follower.poll_changes_once()

    def slow(tx):
        begun = tx.changes._clock() - 3600
        tx.changes._clock = lambda: begun
        tx.changes.add("user", "7")

    await hub.store.write(slow)
    await follower.poll_changes_once()
    waits = hub.database.engine.dialect.name == "postgresql"
    assert [change[1:] for change in received] == ([("user", "7")] if waits else []), (
        "on SQLite it waits before it begins"
    )


async def test_a_rename_on_one_hub_ends_logins_and_tokens_on_the_other(make_hub):
    one, two = make_hub(), make_hub()
    user = await one.user()
    made = await one.tokens.create(user)
    (news_of_two,) = members([two])
    await news_of_two.poll_changes_once()
    assert await two.tokens.authenticate(made.text)
    assert await two.by_old_cookie(user.cookie_id)
    admin = Principal(owner=user, scopes=ScopeTree().expand(default_role("admin").scopes))
    await one.user_admin.change(user, name="alicia", by=admin)
    await news_of_two.poll_changes_once()
    assert await two.tokens.authenticate(made.text) is None
    assert await two.by_old_cookie(user.cookie_id) is None
