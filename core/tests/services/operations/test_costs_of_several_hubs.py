"""What a start and a stop cost does not grow with the number of hub processes on the database, counted."""

import contextlib

import pytest

from plughub.testing.costs import statements_counted

ROUNDS = 4
FOLLOWING = {"reads": 3, "writes": 0, "locks": 0, "statements": 6}
"""Upper bounds of what another hub does after a change, at most as often as it polls changes."""
KINDS = ("reads", "writes", "locks", "statements")


def counts_of(costs):
    return {kind: getattr(costs, kind) for kind in KINDS[:3]} | {"statements": len(costs.statements)}


def least(counts):
    """Return the smallest count of each kind: background loops add to single rounds."""
    return {kind: min(count[kind] for count in counts) for kind in KINDS}


def exceeded(counts, bounds):
    return {kind: count for kind, count in counts.items() if count > bounds[kind]}


async def follow_changes(hubs):
    """Do what each hub process does when it polls changes."""
    for hub in hubs:
        await hub.hub_registry.poll_changes_once()
        await hub.route_reconciler.run_once()
        await hub.poller.run_once()


async def costs_of_both(hubs, all_costs):
    """Start and stop a server by the first hub; return the costs of each hub of a start and of a stop."""
    first, user = hubs[0], await hubs[0].user("alice")
    starts, stops = [], []
    for _ in range(ROUNDS):
        server = None
        for counts in (starts, stops):
            for costs in all_costs:
                costs.clear()
            server = await (first.servers.stop(server) if server else first.servers.start(user))
            await first.runner.drain()
            assert (await first.servers.get("alice", "")).ready is (counts is starts)
            await follow_changes(hubs)
            counts.append([counts_of(costs) for costs in all_costs])
    return [[least(of_hub) for of_hub in zip(*counts, strict=True)] for counts in (starts, stops)]


@pytest.mark.timeout(120)
async def test_costs_of_starts_and_stops_do_not_grow_with_the_number_of_hubs(make_hub, db_url):
    found, hubs = [], []
    with contextlib.ExitStack() as counting:
        all_costs = []
        for _ in range(3):
            hub = make_hub(concurrent_spawn_limit=100, lease=600)
            hub.runner.notify(free=False)  # it then looks for free operations every few seconds only
            await hub.user("alice")
            await hub.hub_registry.join()
            hubs.append(hub)
            all_costs.append(counting.enter_context(statements_counted(hub.database)))
            found.append(await costs_of_both(hubs, all_costs))
    alone, with_one_more, with_two_more = found
    assert [[one[0] for one in each] for each in (with_one_more, with_two_more)] == [
        [one[0] for one in alone]
    ] * 2
    assert [one[0]["locks"] for one in alone] == ([1, 0] if db_url.startswith("postgresql") else [0, 0])
    others = [costs for each in (with_one_more, with_two_more) for one in each for costs in one[1:]]
    assert others == [others[0]] * 6
    assert not exceeded(others[0], FOLLOWING)
