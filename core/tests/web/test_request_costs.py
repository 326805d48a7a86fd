"""Upper bounds of what API calls cost, counted, for hubs of any size; background loops may add to a run."""

import pytest

from plughub.testing.costs import counted

RUNS = 5
CALLS = {
    "/": {},
    "/user": {},
    "/users/root": {"reads": 1, "statements": 3, "hops": 1},
    "/users/alice": {"reads": 1, "statements": 3, "hops": 1},
    "/users?limit=2": {"reads": 1, "statements": 5, "hops": 1},
    "/users?limit=100": {"reads": 1, "statements": 5, "hops": 1},
}
CREATE = {"reads": 1, "writes": 1, "hops": 2, "statements": 7}
"""For one user and for a hundred: a read of the known names and a write."""
PEOPLE = 300


async def costs_of(hub, ask):
    """Return the smallest count of each kind over a few runs, of which the first fills the caches."""
    counts = []
    for number in range(RUNS + 1):
        with counted(hub.store.database) as costs:
            assert (await ask(number)).code in {200, 201}
            counts.append(costs)
    found = {kind: min(getattr(costs, kind) for costs in counts[1:]) for kind in ("reads", "writes", "hops")}
    return {**found, "statements": min(len(costs.statements) for costs in counts[1:])}


def exceeded(costs, bounds):
    return {kind: count for kind, count in costs.items() if count > bounds.get(kind, 0)}


@pytest.fixture(autouse=True)
def short_delays():
    """Keep the usual delays: the audit trail is to be written after the call, not during it."""


@pytest.fixture
async def admin(hub):
    return await hub.admin()


async def test_reading_users_costs_the_same_in_hubs_of_any_size(hub, admin):
    await hub.user("alice")
    for size in (0, PEOPLE):
        names = [f"person{number}" for number in range(size)]
        await hub.store.write(lambda tx, names=names: tx.user_list.create(names))
        for path, bounds in CALLS.items():
            costs = await costs_of(hub, lambda _, path=path: admin.get(f"/hub/api{path}"))
            assert not exceeded(costs, bounds), (path, size, costs)


async def test_creating_users_costs_the_same_for_one_and_for_many(hub, admin):
    for size in (1, 100):
        costs = await costs_of(
            hub,
            lambda run, size=size: admin.post(
                "/hub/api/users", model={"usernames": [f"new{size}-{run}-{number}" for number in range(size)]}
            ),
        )
        assert not exceeded(costs, CREATE), (size, costs)
