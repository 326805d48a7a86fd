"""Upper bounds of what a start and a stop cost the hub, counted; they hold for hubs of any size."""

import pytest

from plughub.testing.costs import counted

ROUNDS = 4
MANY = 40
START = {"reads": 0, "writes": 3, "hops": 4, "waits": 6, "statements": 30, "uncompiled": 0}
STOP = {"reads": 0, "writes": 2, "hops": 2, "waits": 3, "statements": 21, "uncompiled": 0}


def least(counts):
    """Return the smallest count of each kind: background loops add to single rounds."""
    return {kind: min(count[kind] for count in counts) for kind in counts[0]}


def counts_of(costs):
    kinds = ("reads", "writes", "hops", "waits", "uncompiled")
    return {**{kind: getattr(costs, kind) for kind in kinds}, "statements": len(costs.statements)}


async def costs_of_both(hub, user):
    """Start and stop a server a few times; return the costs of a start and of a stop."""
    starts, stops = [], []
    with counted(hub.database) as costs:
        for _ in range(ROUNDS):
            costs.clear()
            server = await hub.servers.start(user)
            await hub.runner.drain()
            starts.append(counts_of(costs))
            assert (await hub.servers.get(user.name, "")).ready
            costs.clear()
            await hub.servers.stop(server)
            await hub.runner.drain()
            stops.append(counts_of(costs))
            assert not (await hub.servers.get(user.name, "")).active
    return least(starts), least(stops)


def exceeded(counts, bounds):
    return {kind: count for kind, count in counts.items() if count > bounds[kind]}


@pytest.mark.timeout(120)
async def test_starts_and_stops_stay_within_their_bounds_whatever_the_size_of_the_hub(make_hub):
    hub = make_hub(concurrent_spawn_limit=100)
    hub.runner.notify(free=False)  # it then looks for free operations every few seconds only
    user = await hub.user("alice")
    start, stop = await costs_of_both(hub, user)
    assert not exceeded(start, START), start
    assert not exceeded(stop, STOP), stop

    await hub.store.write(lambda tx: tx.user_list.create([f"u{number}" for number in range(10 * MANY)]))
    for number in range(MANY):
        await hub.servers.start(await hub.user(f"u{number}"))
    await hub.runner.drain()
    larger_start, larger_stop = await costs_of_both(hub, user)
    assert larger_start["statements"] <= start["statements"]
    assert larger_stop["statements"] <= stop["statements"]
    assert not exceeded(larger_start, START), larger_start
    assert not exceeded(larger_stop, STOP), larger_stop
