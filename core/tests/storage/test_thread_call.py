"""Calls in threads of the database."""

import asyncio
import threading
import time

import pytest

from plughub.storage.thread_call import ReusedThreads
from plughub.testing.conditions import until


class LateError(Exception):
    pass


@pytest.fixture
def threads():
    threads = ReusedThreads(3, "test")
    yield threads
    threads.shutdown()


def call(threads, function, deadline=lambda: time.monotonic() + 60):
    return threads.run(function, deadline, LateError)


def name():
    return threading.current_thread().name


async def test_calls_that_do_not_overlap_share_one_thread(threads):
    names = set()
    for _ in range(20):
        names.add(await call(threads, name))
    assert names == {"test_0"}


async def test_calls_that_overlap_run_side_by_side(threads):
    together = threading.Barrier(3, timeout=20)
    await asyncio.gather(*(call(threads, together.wait) for _ in range(3)))


async def test_a_call_whose_caller_has_left_keeps_its_thread_until_it_ends(threads):
    begun, end = threading.Event(), threading.Event()

    def block():
        begun.set()
        end.wait(20)

    blocked = asyncio.ensure_future(call(threads, block))
    await asyncio.to_thread(begun.wait, 20)
    blocked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await blocked
    assert await call(threads, name) == "test_1"
    end.set()

    async def is_free():
        return len(threads._idle) == 2

    await until(is_free)
    assert await call(threads, name) == "test_0"


async def test_the_deadline_is_asked_for_again_when_the_time_is_up(threads):
    end = threading.Event()
    deadlines = [0.01, 0.02]

    def deadline():
        return time.monotonic() + (deadlines.pop(0) if deadlines else 0)

    try:
        with pytest.raises(LateError):
            await call(threads, lambda: end.wait(20), deadline)
    finally:
        end.set()
    assert deadlines == []


async def test_errors_reach_the_caller(threads):
    with pytest.raises(ZeroDivisionError):
        await call(threads, lambda: 1 / 0)


async def test_calls_beyond_the_number_of_threads_wait_for_their_turn(threads):
    turns = []
    await asyncio.gather(*(call(threads, lambda number=number: turns.append(number)) for number in range(50)))
    assert sorted(turns) == list(range(50))
    assert len(threads._threads) == 3


async def test_a_call_that_nobody_waits_for_any_more_is_dropped(threads):
    end, served = threading.Event(), []
    blocking = [asyncio.ensure_future(call(threads, lambda: end.wait(20))) for _ in range(3)]
    left = asyncio.ensure_future(call(threads, lambda: served.append("left")))
    stays = asyncio.ensure_future(call(threads, lambda: served.append("stays")))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    end.set()
    await asyncio.gather(*blocking, stays)
    assert served == ["stays"]


async def test_results_that_arrive_together_wake_the_loop_once(threads, monkeypatch):
    loop, woken = asyncio.get_running_loop(), []
    wake = loop.call_soon_threadsafe

    def wake_and_count(*arguments):
        woken.append(arguments)
        return wake(*arguments)

    monkeypatch.setattr(loop, "call_soon_threadsafe", wake_and_count)
    results = set()
    answers = [asyncio.ensure_future(call(threads, lambda number=number: number)) for number in range(3)]
    await asyncio.sleep(0)
    deadline = time.monotonic() + 20
    while len(threads._results._finished) < 3:  # the loop is kept busy meanwhile
        assert time.monotonic() < deadline
    results.update(await asyncio.gather(*answers))
    assert results == {0, 1, 2}
    assert len(woken) == 1


async def test_a_late_call_does_not_end_another_one(threads):
    end = threading.Event()
    slow = asyncio.ensure_future(call(threads, lambda: end.wait(20)))
    with pytest.raises(LateError):
        await call(threads, lambda: end.wait(20), lambda: time.monotonic() - 1)
    end.set()
    assert await slow


def test_the_threads_serve_one_loop_after_another(threads):
    assert {asyncio.run(call(threads, name)) for _ in range(3)} == {"test_0"}


async def test_no_call_is_accepted_after_the_end():
    threads = ReusedThreads(1, "test")
    assert await call(threads, name) == "test_0"
    threads.shutdown()
    with pytest.raises(RuntimeError):
        await call(threads, name)
