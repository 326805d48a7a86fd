"""Very many starts at once: all are served, in order, and one user's many starts delay no other user."""

import asyncio

import pytest

PEOPLE = 450
MANY = 50
AT_ONCE = 10


async def places_of(hub, servers):
    """Follow a start to its end and return the queue positions that were seen."""
    places = []
    async for server in hub.servers.changes(servers):
        if server.operation is None:
            return places, server
        if server.operation.place is not None:
            places.append(server.operation.place)
    raise AssertionError("it was deleted")


async def everybody(hub):
    def work(tx):
        names = ["greedy", *(f"p{number}" for number in range(PEOPLE))]
        return tx.user_list.by_ids(tx.user_list.create(names))

    await hub.user("first")
    greedy, *people = sorted(await hub.store.write(work), key=lambda user: user.name != "greedy")
    return greedy, people


@pytest.mark.timeout(180)
async def test_five_hundred_concurrent_starts_are_served_fairly(make_hub, machine):
    hub = make_hub(allow_named_servers=True, named_server_limit_per_user=0, concurrent_spawn_limit=AT_ONCE)
    greedy, people = await everybody(hub)
    machine.gate = asyncio.Event()
    requests = [(greedy, f"s{number}") for number in range(MANY)] + [(user, "") for user in people]
    servers = await asyncio.gather(*(hub.servers.start(user, name) for user, name in requests))
    following = [asyncio.create_task(places_of(hub, server)) for server in servers]
    machine.gate.set()
    seen = await asyncio.gather(*following)

    assert all(server.ready for _, server in seen)
    assert len(machine.launches) == len(set(machine.launches)) == PEOPLE + MANY
    of_people = [places for places, server in seen if server.user != "greedy"]
    assert all(places == sorted(places, reverse=True) for places in of_people)
    assert sum(map(bool, of_people)) > PEOPLE / 2
    launched = [machine.running[launch][0].user.name for launch in machine.launches]
    others = [place for place, name in enumerate(launched) if name != "greedy"]
    del launched[others[-1 - PEOPLE // 50] :]  # a busy machine may delay single starts
    # Starts from before the others had asked, those of their round, and those beside the last of them.
    assert launched.count("greedy") <= AT_ONCE + 1 + AT_ONCE
