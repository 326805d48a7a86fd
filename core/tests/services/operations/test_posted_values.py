"""What a starting server posts reaches the process that starts it, whichever process it has asked."""

import asyncio

import pytest

from plughub.domain.errors import ConflictError, InvalidError


@pytest.fixture
def launching(machine, until):
    """Begin a start that waits inside ``hub_spawn``; return the server and the principal of its token."""
    machine.before = asyncio.Event()

    async def begin(hub):
        count = len(machine.launches)
        server = await hub.servers.start(await hub.user())
        await until(lambda: len(machine.launches) > count)
        return server, await hub.tokens.authenticate(machine.tokens[-1])

    return begin


async def post(hub, principal, **values):
    await hub.posted_values.post(principal, values)


@pytest.mark.parametrize("asked", ["the same process", "another process"])
async def test_posted_values_reach_the_spawner_that_waits_for_them(
    make_hub, machine, launching, until, asked
):
    one = make_hub()
    server, principal = await launching(one)
    other = one if asked == "the same process" else make_hub()
    await post(other, principal, port=1)
    await until(lambda: machine.received)
    await post(other, principal, port=2, ip="10.0.0.1")
    await until(lambda: len(machine.received) == 2)
    operations, values = zip(*machine.received, strict=True)
    assert values == ({"port": 1}, {"port": 2, "ip": "10.0.0.1"})
    assert set(operations) == set(machine.launches)
    machine.before.set()
    assert (await one.servers.wait(server, 10)).ready
    with pytest.raises(ConflictError, match="being launched"):
        await post(one, principal, port=3)


async def test_values_that_a_spawner_did_not_take_are_passed_again(
    hub, machine, launching, until, monkeypatch
):
    monkeypatch.setattr("plughub.services.operations.posted_values.RETRY_SECONDS", 0)
    machine.receive_errors = [RuntimeError("busy")]
    _, principal = await launching(hub)
    await post(hub, principal, port=1)
    await until(lambda: machine.received)
    assert machine.receive_errors == []


async def test_only_the_token_of_the_launch_may_post(hub, machine, launching):
    _, principal = await launching(hub)
    for user in (await hub.user("bob"), await hub.user()):
        secret = (await hub.tokens.create(user, note="mine")).text
        with pytest.raises(ConflictError):
            await post(hub, await hub.tokens.authenticate(secret), port=1)
    with pytest.raises(InvalidError, match="4096 bytes"):
        await post(hub, principal, port="1" * 4096)
    assert machine.received == []


async def test_a_launched_server_cannot_post_while_the_hub_waits_for_its_answer(
    hub, machine, launching, until
):
    machine.silent = True
    _, principal = await launching(hub)
    machine.before.set()
    await until(lambda: "poll" in machine.seen)
    with pytest.raises(ConflictError):
        await post(hub, principal, port=1)


async def test_a_launch_that_another_one_replaced_cannot_post_to_it(make_hub, machine, launching, until):
    first = make_hub(lease=0.4)
    _, outdated = await launching(first)
    await post(first, outdated, port=1)
    await until(lambda: machine.received)
    machine.inventory_is_missing = True
    await first.crash()
    second = make_hub()
    await until(lambda: len(machine.launches) == 2)
    with pytest.raises(ConflictError):
        await post(second, outdated, port=2)
    await post(second, await second.tokens.authenticate(machine.tokens[-1]), port=3)
    await until(lambda: len(machine.received) == 2)
    assert machine.received[-1] == (machine.launches[-1], {"port": 3})
