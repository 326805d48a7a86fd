from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import textwrap
import threading

import pytest

from plughub.plugin.threads import ThreadPools
from plughub.testing.conditions import until

WHO = contextvars.ContextVar("WHO")


@pytest.fixture
def gate():
    """Blocks functions in threads; opened at the end, so that no thread remains."""
    gate = threading.Event()
    yield gate
    gate.set()


async def test_a_result_is_returned(pools) -> None:
    assert await pools.run("docker", pow, 2, 10) == 1024


async def test_an_exception_is_raised(pools) -> None:
    with pytest.raises(ZeroDivisionError):
        await pools.run("docker", divmod, 1, 0)


async def test_a_stop_iteration_does_not_block_its_caller(pools) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await pools.run("docker", next, iter(()))


async def test_a_function_sees_the_context_of_its_caller(pools) -> None:
    WHO.set("alice")
    assert await pools.run("docker", WHO.get) == "alice"


async def test_a_function_runs_in_a_thread_with_its_name(pools) -> None:
    thread = await pools.run("docker", threading.current_thread)
    assert thread.name.startswith("plughub-docker")
    assert thread is not threading.main_thread()


async def test_the_event_loop_continues_while_a_function_blocks(pools, gate) -> None:
    blocked = asyncio.create_task(pools.run("pam", gate.wait, 10))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not blocked.done()
    gate.set()
    assert await blocked


async def test_a_plugin_that_blocks_all_its_threads_stalls_no_other(pools, gate) -> None:
    blocked = [asyncio.create_task(pools.run("pam", gate.wait, 10)) for _ in range(5)]
    async with asyncio.timeout(5):
        assert await pools.run("docker", pow, 2, 2) == 4
    assert not any(task.done() for task in blocked)
    gate.set()
    assert await asyncio.gather(*blocked) == [True] * 5


async def test_no_more_threads_run_than_the_pool_has(pools) -> None:
    meeting = threading.Barrier(2)
    running, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meeting.wait(5)
        with lock:
            running -= 1

    await asyncio.gather(*(pools.run("docker", work) for _ in range(8)))
    assert most == 2


async def test_a_cancelled_waiting_call_does_not_run(pools, gate) -> None:
    ran = threading.Event()
    blocked = [asyncio.create_task(pools.run("pam", gate.wait, 10)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pools.run("pam", ran.set), 0.01)
    gate.set()
    await asyncio.gather(*blocked)
    assert await pools.run("pam", pow, 1, 1) == 1
    assert not ran.is_set()


async def test_closing_drops_waiting_calls_and_ends_the_threads(gate) -> None:
    pools = ThreadPools(size=1)
    running = asyncio.create_task(pools.run("closing", gate.wait, 10))
    waiting = asyncio.create_task(pools.run("closing", pow, 1, 1))
    await asyncio.sleep(0)
    pools.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    assert await running
    for thread in threading.enumerate():
        if thread.name.startswith("plughub-closing"):
            thread.join(5)
            assert not thread.is_alive()


def test_a_function_that_never_returns_does_not_keep_the_process_from_ending() -> None:
    script = """
        import asyncio, threading
        from plughub.plugin.threads import ThreadPools

        async def main():
            pools = ThreadPools()
            try:
                await asyncio.wait_for(pools.run("stuck", threading.Event().wait), 0.05)
            except TimeoutError:
                print("gave up")
            pools.close()

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        timeout=30,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "gave up\n"
    assert done.stderr == ""


async def test_a_call_without_a_free_thread_reports_the_running_calls_once(gate, caplog) -> None:
    pools = ThreadPools(2)
    hanging = [asyncio.create_task(pools.run("pam", gate.wait, 20)) for _ in range(2)]

    async def jam() -> str:
        return pools.explain_congestion("pam")

    async def no_jam() -> bool:
        return not pools.explain_congestion("pam")

    said = await until(jam, seconds=10)
    assert "all 2 threads of plugin 'pam' are busy" in said
    assert "wait" in said
    pools.explain_congestion("pam")
    assert caplog.text.count("all 2 threads") == 1
    gate.set()
    await asyncio.gather(*hanging)
    await until(no_jam, seconds=10)
    pools.close()
