"""A few slots, shared fairly by name and address."""

from __future__ import annotations

import asyncio
import threading

import pytest

from plughub.domain.errors import TooManyError, UnavailableError
from plughub.plugin import fair_share
from plughub.plugin.fair_share import FairShare
from plughub.plugin.threads import ThreadPools


class ConcurrentLogins:
    """Logins that keep their slots until they are released."""

    def __init__(self, size: int) -> None:
        self.share = FairShare(size)
        self.admitted: list[str] = []
        self.gate = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def _log_in(self, name: str, address: str) -> None:
        async with self.share.login(name), self.share.check(address):
            self.admitted.append(f"{name}@{address}")
            await self.gate.wait()

    async def begin(self, *logins: str) -> list[str]:
        """Start logins one after the other; return those that have a slot."""
        for login in logins:
            name, _, address = login.partition("@")
            self.tasks.append(asyncio.create_task(self._log_in(name, address)))
            await asyncio.sleep(0)
        return self.admitted


async def test_two_logins_of_one_name_are_checked_some_wait_and_the_rest_is_refused() -> None:
    logins = ConcurrentLogins(8)
    slow = [f"slow@{number}" for number in range(2 + fair_share.WAITING_OF_NAME)]
    assert await logins.begin(*slow, "slow@one-more") == slow[:2]
    with pytest.raises(TooManyError, match="being checked already"):
        await logins.tasks.pop()
    assert await logins.begin("alice@0") == [*slow[:2], "alice@0"]
    logins.gate.set()
    await asyncio.gather(*logins.tasks)
    assert logins.admitted == [*slow[:2], "alice@0", *slow[2:]]


async def test_one_address_has_half_of_the_slots_and_the_next_half_of_the_rest() -> None:
    logins = ConcurrentLogins(8)
    await logins.begin(*(f"n{number}@a" for number in range(8)))
    await logins.begin(*(f"m{number}@b" for number in range(8)))
    assert len(logins.admitted) == 6
    assert len(await logins.begin("alice@c")) == 7


async def test_a_class_behind_one_address_is_admitted_one_by_one() -> None:
    logins = ConcurrentLogins(8)
    logins.gate.set()
    await logins.begin(*(f"student{number}@school" for number in range(60)))
    await asyncio.gather(*logins.tasks)
    assert len(logins.admitted) == 60


async def test_the_queue_is_bounded_for_each_address_and_for_all() -> None:
    logins = ConcurrentLogins(1)
    await logins.begin(*(f"n{number}@a" for number in range(fair_share.WAITING // 2 + 2)))
    with pytest.raises(TooManyError, match="Too many people"):
        await logins.tasks[-1]
    await logins.begin(*(f"m{number}@{number}" for number in range(fair_share.WAITING // 2 + 1)))
    with pytest.raises(UnavailableError, match="Too many people"):
        await logins.tasks[-1]


async def test_a_waiting_login_that_times_out_or_is_cancelled_leaves_no_trace(monkeypatch) -> None:
    monkeypatch.setattr(fair_share, "LOGIN_SLOT_SECONDS", 0.01)
    logins = ConcurrentLogins(1)
    await logins.begin("a@1", "b@2", "c@3")
    logins.tasks[2].cancel()
    with pytest.raises(UnavailableError):
        await logins.tasks[1]
    logins.gate.set()
    await logins.begin("d@4")
    await asyncio.gather(logins.tasks[0], logins.tasks[3])
    assert logins.admitted == ["a@1", "d@4"]


async def test_a_login_cancelled_at_its_turn_leaves_no_trace() -> None:
    share = FairShare(1)

    async def begin() -> None:
        async with share.check("b"):
            pass

    async with share.check("a"):
        waits = asyncio.create_task(begin())
        await asyncio.sleep(0)
    waits.cancel()
    await asyncio.wait([waits])
    assert waits.cancelled()
    async with asyncio.timeout(5), share.check("c"):
        pass


async def test_a_thread_that_outlives_its_login_keeps_its_slot() -> None:
    share, pools, release = FairShare(1), ThreadPools(1), threading.Event()

    async def hangs() -> None:
        async with share.login("slow"), share.check("a"), asyncio.timeout(0.01):
            await pools.run("plugin", release.wait)

    with pytest.raises(TimeoutError):
        await hangs()
    logins = ConcurrentLogins(1)
    logins.share = share
    assert await logins.begin("alice@b") == []
    release.set()
    logins.gate.set()
    async with asyncio.timeout(20):
        await logins.tasks[0]
    pools.close()
