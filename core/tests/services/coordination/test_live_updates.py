"""Live updates: each subscription learns what its reader may read, from any process."""

import asyncio

import pytest

from plughub.domain.errors import ForbiddenError, TooManyError
from plughub.services.coordination.live_updates import MAX_PER_OWNER, LiveUpdates, Reader

LIMIT = 100


def reader(name, user_id=0, *scopes, **more):
    return Reader(owner=name, user_id=user_id, name=name, scopes=frozenset(scopes), **more)


async def topics(subscription, seconds=5.0):
    return await subscription.next(seconds)


async def quiet(subscription):
    return not await subscription.next(0.01)


@pytest.fixture
async def people(make_hub):
    """Two processes, and subscriptions of several readers at the second one."""
    one, two = make_hub(), make_hub()
    alice, bob = await one.user("alice"), await one.user("bob")
    await one.store.write(lambda tx: (tx.groups.create(["class"]), tx.groups.add_users("class", ["bob"])))
    lab = await one.store.write(lambda tx: tx.servers.create(bob.id, "lab"))
    live = two.live_updates
    registry = two.hub_registry
    await registry.poll_changes_once()
    readers = {
        "alice": reader("alice", alice.id, "read:servers!user=alice", "read:users!user=alice"),
        "bob": reader("bob", bob.id, "read:servers!user=bob", groups=frozenset({"class"}), session=7),
        "teacher": reader("teacher", 99, "read:servers!group=class", "read:groups!group=class"),
        "friend": reader("friend", 98, "access:servers!server=bob/lab"),
        "helper": reader("helper", 97, "read:servers!user=bob"),
        "admin": reader("admin", 96, "read:servers", "list:users", "read:groups", "read:hub", "read:tokens"),
    }
    heard = {name: await live.subscribe(one_of, limit=LIMIT) for name, one_of in readers.items()}
    return one, two, registry, heard, {"alice": alice, "bob": bob, "lab": lab}


async def of_all(heard, registry):
    await registry.poll_changes_once()
    await asyncio.sleep(0)
    found = {name: await topics(one, 0.05) for name, one in heard.items()}
    return {name: set(changed) for name, changed in found.items() if changed}


async def test_changes_of_another_process_reach_those_who_may_read_them(people):
    one, _, registry, heard, known = people
    lab = known["lab"]
    await one.store.write(lambda tx: tx.servers.set_display_name(lab.id, "Laboratory"))
    everyone = {name: {"server"} for name in ("bob", "teacher", "friend", "helper", "admin")}
    assert await of_all(heard, registry) == everyone
    own = await one.servers.get("alice", "")
    await one.store.write(lambda tx: tx.servers.request_stop(own.id))
    assert await of_all(heard, registry) == {"alice": {"server"}, "admin": {"server"}}
    await one.store.write(lambda tx: tx.servers.delete(lab.id))
    assert (await of_all(heard, registry)).keys() == everyone.keys()
    await one.store.write(lambda tx: tx.users.create("carol"))
    await one.store.write(lambda tx: tx.user_list.create(["dave"]))
    assert await of_all(heard, registry) == {"admin": {"user"}}
    await one.tokens.create(known["alice"])
    assert await of_all(heard, registry) == {"admin": {"token"}}
    await one.store.write(lambda tx: tx.changes.add("announcement", ""))
    assert set(await of_all(heard, registry)) == set(heard)
    await one.store.write(lambda tx: tx.changes.add("anything", "1"))
    assert await of_all(heard, registry) == {"admin": {"anything"}}
    await one.store.write(lambda tx: tx.groups.remove_users("class", ["bob"]))
    assert await of_all(heard, registry) == {name: {"group"} for name in ("bob", "teacher", "admin")}
    assert all(one.needs_check({"server"}) for one in heard.values()), "scopes may have changed"
    assert not any(one.needs_check(()) for one in heard.values()), "not all of them at once"
    await one.store.write(lambda tx: tx.servers.set_unknown_of("none", "none", "away"))
    assert await of_all(heard, registry) == {}


async def test_a_change_is_delivered_once_and_ended_sessions_at_once(people):
    one, two, registry, heard, known = people
    here = await two.servers.get("bob", "")
    await two.store.write(lambda tx: tx.servers.request_stop(here.id))
    assert await topics(heard["bob"]) == {"server"}, "this process needs no poll"
    await registry.poll_changes_once()
    assert await quiet(heard["bob"])
    assert await quiet(heard["alice"])
    await one.store.write(lambda tx: tx.changes.add("session", "7"))
    await registry.poll_changes_once()
    assert heard["bob"].needs_check(())
    assert not heard["alice"].needs_check({"server"})
    registry._on_missed()
    assert await topics(heard["alice"]) == {"*"}
    assert heard["alice"].needs_check(())
    assert known


async def test_a_resumed_subscription_learns_what_it_missed(people):
    one, two, registry, heard, known = people
    live = two.live_updates
    assert live.missed_topics(heard["alice"], 1.0) == {"*"}, "this process did not run then"
    live._complete_since -= 100
    live._recent.clear()
    since = live._complete_since + 90
    assert live.missed_topics(heard["friend"], since) == set()
    await one.store.write(lambda tx: tx.servers.set_display_name(known["lab"].id, "L"))
    await registry.poll_changes_once()
    assert live.missed_topics(heard["friend"], since) == {"server"}
    assert live.missed_topics(heard["friend"], since + 1000) == set()


async def test_subscriptions_are_bounded_and_leave_nothing(make_hub):
    live = LiveUpdates(make_hub().store)
    one = reader("one", 1, "read:servers!user=one", "read:servers!group=g")
    kept = [await live.subscribe(one, limit=LIMIT) for _ in range(MAX_PER_OWNER)]
    with pytest.raises(TooManyError):
        await live.subscribe(one, limit=LIMIT)
    with pytest.raises(TooManyError):
        await live.subscribe(reader("two", 2, "read:hub"), limit=MAX_PER_OWNER)
    with pytest.raises(ForbiddenError):
        await live.subscribe(reader("nobody", 3), limit=LIMIT)
    await live.renew(kept[0], reader("one", 1, "read:servers"))
    live.close()
    assert [await topics(one, 5.0) for one in kept] == [frozenset()] * MAX_PER_OWNER
    for subscription in kept:
        live.unsubscribe(subscription)
        live.unsubscribe(subscription)
    assert not len(live)
    assert not live._index
    assert not live._owners
    assert not +live._with_groups


async def test_the_cost_of_a_change_does_not_grow_with_other_readers(make_hub):
    live = LiveUpdates(make_hub().store)
    others = [
        await live.subscribe(reader(f"u{number}", number, f"read:servers!user=u{number}"), limit=1000)
        for number in range(1, 200)
    ]
    asked = []
    for subscription in others:
        subscription.add = lambda topic: asked.append(topic)
    live.changed([(1, "server", "7/70"), (1, "server", "7/70"), (2, "token", "5")])
    assert asked == ["server"]
