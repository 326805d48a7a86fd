from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from plughub.classes.retries import cancel_tasks, exponential_backoff, maybe_future, run_sync, wait_until


class Flaky:
    """Fails until it has been called often enough."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def __call__(self, answer: str = "done") -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise ConnectionError(f"call {self.calls}")
        return answer


async def test_anything_can_be_awaited() -> None:
    async def later() -> int:
        return 1

    with ThreadPoolExecutor(1) as pool:
        values = [1, later(), pool.submit(int, 1), asyncio.ensure_future(later())]
        assert [await maybe_future(value) for value in values] == [1, 1, 1, 1]


async def test_waiting_ends_with_the_first_true_answer() -> None:
    answers = iter([None, 0, "", "ready"])
    assert await exponential_backoff(lambda: next(answers), "never ready", start_wait=0.001) == "ready"


async def test_waiting_takes_arguments_in_the_old_order() -> None:
    assert await exponential_backoff(lambda a, b: a + b, "never", 0.001, 2, 5, 10, 0.1, 1, b=2) == 3


async def test_an_awaitable_answer_is_awaited() -> None:
    assert await wait_until(Flaky(0), "never") == "done"


async def test_waiting_ends_after_the_timeout() -> None:
    with pytest.raises(TimeoutError, match="server did not come"):
        await exponential_backoff(lambda: False, "server did not come", start_wait=0.001, timeout=0.02)


async def test_a_call_that_hangs_is_cancelled_after_the_timeout() -> None:
    with pytest.raises(TimeoutError, match="never came"):
        await exponential_backoff(asyncio.Event().wait, "never came", timeout=0.02)


async def test_an_error_while_waiting_ends_it() -> None:
    with pytest.raises(ConnectionError):
        await exponential_backoff(Flaky(1), "never")


async def test_a_timeout_error_of_the_function_is_not_mistaken_for_the_own_timeout() -> None:
    async def slow() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await exponential_backoff(slow, "ours")


async def test_a_decorated_function_is_tried_again() -> None:
    flaky = Flaky(2)

    @exponential_backoff(max_retries=3, initial_delay=0.001)
    async def call() -> str:
        return await flaky()

    assert await call() == "done"
    assert flaky.calls == 3


async def test_a_decorated_function_fails_with_its_last_error() -> None:
    flaky = Flaky(9)
    with pytest.raises(ConnectionError, match="call 3"):
        await exponential_backoff(flaky_call(flaky), max_retries=2, initial_delay=0.001)()


def flaky_call(flaky: Flaky):
    async def call() -> str:
        return await flaky()

    return call


async def test_retries_may_be_given_by_place_and_a_plain_function_decorated() -> None:
    def plain(number: int) -> int:
        """Double it."""
        return 2 * number

    tried = exponential_backoff(plain, 1, 0.001)
    assert await tried(4) == 8
    assert tried.__doc__ == "Double it."


async def test_pauses_grow_and_stay_below_their_bound(monkeypatch) -> None:
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(ConnectionError):
        await exponential_backoff(flaky_call(Flaky(9)), max_retries=4, initial_delay=1, max_delay=5)()
    assert pauses == [1, 2, 4, 5]


async def test_cancelled_tasks_have_ended() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("in cleanup")

    async def done() -> int:
        return 1

    tasks = [asyncio.create_task(work) for work in (asyncio.Event().wait(), fail_when_cancelled(), done())]
    await tasks[2]
    await cancel_tasks(tasks)
    assert all(task.done() for task in tasks)
    assert tasks[0].cancelled()
    await cancel_tasks([])


def test_a_coroutine_can_be_run_from_a_plain_function() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert run_sync(answer) == 42
    assert run_sync(answer()) == 42


async def test_run_sync_is_refused_inside_an_event_loop() -> None:
    async def answer() -> int:
        return 42

    coroutine = answer()
    with pytest.raises(RuntimeError, match="an event loop already runs in this thread"):
        run_sync(coroutine)
    assert await coroutine == 42
