"""The hub's event loop continues when code of a plugin wants to end the process."""

import asyncio
import re

import pytest

from plughub.app.hub_loop import HubLoop


def fail():
    raise SystemExit(7)


def interrupt():
    raise KeyboardInterrupt("stop")


async def fail_in_task():
    raise SystemExit(7)


WAYS = {
    "a callback": lambda loop: loop.call_soon(fail),
    "an interrupting callback": lambda loop: loop.call_soon(interrupt),
    "a timer": lambda loop: loop.call_later(0, fail),
    "a call from a thread": lambda loop: loop.call_soon_threadsafe(fail),
    "a task": lambda loop: loop.create_task(fail_in_task()),
    "a callback of a future": lambda loop: done(loop).add_done_callback(lambda _: fail()),
    "a task with a callback": lambda loop: loop.create_task(fail_in_task()).add_done_callback(
        lambda t: t.result()
    ),
}


def done(loop):
    future = loop.create_future()
    future.set_result(None)
    return future


def run(main):
    with asyncio.Runner(loop_factory=HubLoop) as runner:
        return runner.run(main)


@pytest.mark.parametrize("way", WAYS)
def test_the_loop_continues_and_names_the_code(caplog, way):
    async def main():
        loop, later = asyncio.get_running_loop(), asyncio.Event()
        loop.call_later(0.01, later.set)
        kept = WAYS[way](loop)
        await later.wait()
        del kept
        return "ended by itself"

    assert run(main()) == "ended by itself"
    told = re.findall(rf"an attempt to end the hub by {__file__}:\d+, \S+ was ignored: ", caplog.text)
    assert len(told) == 1


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_the_main_task_may_end_the_process(error):
    async def main():
        raise error(7)

    with pytest.raises(error):
        run(main())
