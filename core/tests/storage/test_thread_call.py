"""Calls in threads of the database."""

import asyncio
import threading
import time

import pytest

from plughub.storage.thread_call import ReusedThreads, ThreadCall
from plughub.testing.conditions import until


class LateError(Exception):
    pass


@pytest.fixture
def threads():
    threads = ReusedThreads(3, "test")
    yield threads
    threads.shutdown()


def call(threads, function, deadline=lambda: time.monotonic() + 60):
    return ThreadCall(function, deadline, LateError).run(threads)


async def first_is_free(threads):
    async def is_free():
        return not threads._is_first_busy

    await until(is_free)


def name():
    return threading.current_thread().name


async def test_calls_that_do_not_overlap_share_one_thread(threads):
    names = set()
    for _ in range(20):
        names.add(await call(threads, name))
        await first_is_free(threads)
    assert names == {"test-first_0"}


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
    assert await call(threads, name) != "test-first_0"
    end.set()
    await first_is_free(threads)
    assert await call(threads, name) == "test-first_0"


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
