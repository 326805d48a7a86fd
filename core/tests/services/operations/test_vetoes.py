"""Vetoes of starts that depend on the number of active servers."""

from __future__ import annotations

import pytest

from plughub import hookimpl
from plughub.domain.errors import InvalidError, TooManyError
from plughub.kinds import ActiveServers, Refusal
from plughub.testing.costs import counted


class CountingVeto:
    """Allows two active servers of a user, and three of a group."""

    def __init__(self):
        self.seen = []

    @hookimpl
    def hub_authorize_spawn(self, server, active):
        self.seen.append(active)
        if active.user >= 2 or max(active.groups.values(), default=0) >= 3:
            return Refusal("too many", status=429)
        return None


class PlainVeto:
    """Looks at the server only."""

    @hookimpl
    def hub_authorize_spawn(self, server): ...


async def members(hub, **groups):
    """Store groups with their members."""
    for name in {user for users in groups.values() for user in users}:
        await hub.user(name)

    def work(tx):
        tx.groups.create(list(groups))
        for group, users in groups.items():
            tx.groups.add_users(group, users)

    await hub.store.write(work)


async def test_a_veto_counts_the_active_servers_of_a_user_and_of_their_groups(make_hub):
    veto = CountingVeto()
    hub = make_hub(extra={"veto": veto}, allow_named_servers=True)
    await members(hub, class_a=["ada", "bea"], class_b=["ada", "cleo"], empty=[], other=["dora"])
    await hub.started("bea")
    await hub.started("cleo")
    stopped = await hub.started("dora")
    await hub.stopped(stopped)
    await hub.started("ada")
    await hub.started("ada", "lab")
    assert veto.seen[-2:] == [
        ActiveServers(user=0, groups={"class_a": 1, "class_b": 1}),
        ActiveServers(user=1, groups={"class_a": 2, "class_b": 2}),
    ]
    with pytest.raises(TooManyError, match="too many"):
        await hub.servers.start(await hub.user("ada"), "third")
    with pytest.raises(TooManyError, match="too many"):
        await hub.servers.start(await hub.user("bea"), "more")
    assert veto.seen[-1] == ActiveServers(user=1, groups={"class_a": 3})
    await hub.stopped(await hub.servers.get("ada", "lab"))
    await hub.started("dora")
    assert veto.seen[-1] == ActiveServers(user=0, groups={"other": 0})


async def test_a_server_that_runs_counts_for_others_but_not_for_itself(make_hub):
    veto = CountingVeto()
    hub = make_hub(extra={"veto": veto}, allow_named_servers=True)
    await members(hub, class_a=["ada"])
    user = await hub.user("ada")
    await hub.servers.start(user, "one")
    await hub.servers.start(user, "two")
    await hub.runner.drain()
    assert [active.user for active in veto.seen] == [0, 1]
    with pytest.raises(InvalidError, match="already running"):
        await hub.servers.start(user, "one")
    assert veto.seen[-1] == ActiveServers(user=1, groups={"class_a": 1})
    await hub.stopped(await hub.servers.get("ada", "one"))
    await hub.started("ada", "one")
    assert veto.seen[-1].user == 1


async def statements_of_a_start(hub):
    user = await hub.user("ada")
    found = []
    with counted(hub.database) as costs:
        for _ in range(3):
            costs.clear()
            server = await hub.servers.start(user)
            await hub.runner.drain()
            found.append(len(costs.statements))
            await hub.stopped(server)
    return min(found)


async def test_servers_are_counted_only_for_a_veto_that_needs_it(make_hub):
    plain = await statements_of_a_start(make_hub(extra={"veto": PlainVeto()}))
    counting = await statements_of_a_start(make_hub(extra={"veto": CountingVeto()}))
    assert counting == plain + 2
