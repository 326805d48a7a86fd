"""Upper bounds of what API calls cost, counted, for hubs of any size; background loops may add to a run."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event

from plughub.storage.database import WRITE

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


@contextlib.contextmanager
def counted(database):
    """Count statements, transactions, and calls from threads into the loop."""
    costs = Counter()
    loop: Any = asyncio.get_running_loop()
    call = loop.call_soon_threadsafe

    def note_statement(*_call):
        costs["statements"] += 1

    def note_transaction(connection):
        costs["writes" if connection.get_execution_options().get(WRITE, True) else "reads"] += 1

    def call_soon_threadsafe(*arguments, **options):
        costs["hops"] += 1
        return call(*arguments, **options)

    event.listen(database.engine, "before_cursor_execute", note_statement)
    event.listen(database.engine, "begin", note_transaction)
    loop.call_soon_threadsafe = call_soon_threadsafe
    try:
        yield costs
    finally:
        del loop.call_soon_threadsafe
        event.remove(database.engine, "before_cursor_execute", note_statement)
        event.remove(database.engine, "begin", note_transaction)


async def costs_of(hub, ask):
    """Return the smallest count of each kind over a few runs, of which the first fills the caches."""
    counts = []
    for number in range(RUNS + 1):
        with counted(hub.store.database) as costs:
            assert (await ask(number)).code in {200, 201}
            counts.append(Counter(costs))
    return {kind: min(count[kind] for count in counts[1:]) for kind in CREATE}


def exceeded(costs, bounds):
    return {kind: count for kind, count in costs.items() if count > bounds.get(kind, 0)}


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
