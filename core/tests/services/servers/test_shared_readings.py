"""Readings that many callers share: one at a time for a key, for a while, within a bounded size."""

import asyncio

import pytest

from plughub.services.servers.shared_readings import SharedReadings


class Source:
    """Something to read, slowly; it counts how often it is read."""

    def __init__(self):
        self.reads = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error = None
        self.before = []

    async def read(self, before):
        self.reads += 1
        self.before.append(before)
        number = self.reads
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return "x" * number


@pytest.fixture
def source():
    return Source()


async def test_callers_at_the_same_time_and_soon_after_share_a_reading(source):
    readings = SharedReadings(60, 10)
    source.may_answer.clear()
    callers = [asyncio.create_task(readings.get("key", source.read)) for _ in range(3)]
    await asyncio.sleep(0)
    callers[0].cancel()  # its reader has left, the others still wait
    source.may_answer.set()

    assert await asyncio.gather(*callers[1:]) == ["x", "x"]
    assert await readings.get("key", source.read) == "x"
    assert source.reads == 1


async def test_an_old_reading_is_repeated_with_the_previous_one(source):
    readings = SharedReadings(0, 10)

    assert [await readings.get("key", source.read) for _ in range(2)] == ["x", "xx"]
    assert source.before == [None, "x"]
    assert readings.latest("key") == "xx"


async def test_a_failure_reaches_all_callers_and_is_not_kept(source):
    readings = SharedReadings(60, 10)
    source.error = OSError("gone")
    outcomes = await asyncio.gather(
        *(readings.get("key", source.read) for _ in range(2)), return_exceptions=True
    )
    assert [str(outcome) for outcome in outcomes] == ["gone", "gone"]
    assert source.reads == 1

    source.error = None
    assert await readings.get("key", source.read) == "xx"


async def test_the_readings_are_bounded_by_their_size(source):
    readings = SharedReadings(60, 5, len)
    for key in "abcd":  # 1, 2, 3 and 4 characters
        await readings.get(key, source.read)
    assert [readings.latest(key) for key in "abcd"] == [None, None, None, "xxxx"]

    source.reads = 9
    assert await readings.get("large", source.read) == "x" * 10, "too large to be kept"
    assert readings.latest("large") is None
    assert readings.latest("d") == "xxxx"
