from __future__ import annotations

import asyncio
import contextlib
import threading
import types

import pytest

from plughub.domain.errors import PluginError, PluginTimeoutError
from plughub.kinds import Identity, Login

LOGIN = Login(username="alice", password="secret")
ALICE = Identity(name="alice")


async def test_only_the_owner_is_called(plugins, caller, fakes) -> None:
    def runs(code):
        async def hub_poll(server):
            return code

        return fakes.plugin(hub_poll=hub_poll)

    plugins.add("docker", runs(1))
    plugins.add("local", runs(2))
    assert await caller.own("local", "hub_poll", server=None) == 2


async def test_a_hook_that_the_owner_lacks_has_a_default_or_fails(plugins, caller, fakes) -> None:
    plugins.add("docker", fakes.answering(None))
    assert await caller.own("docker", "hub_logs", default=(), server=None, lines=5) == ()
    with pytest.raises(
        PluginError, match="plugin 'docker' failed in hub_spawn: it does not implement this hook"
    ):
        await caller.own("docker", "hub_spawn", server=None)


async def test_an_owner_that_is_not_active_is_named_with_those_that_are(plugins, caller, fakes) -> None:
    plugins.add("docker", fakes.answering(None))
    message = "plugin 'slurm' failed in hub_poll: it is not active; add it to --plugins (active: docker)"
    with pytest.raises(PluginError) as caught:
        await caller.own("slurm", "hub_poll", server=None)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no such image: lab"), "no such image: lab"),
        (KeyError("image"), "KeyError: 'image'"),
        (RuntimeError(), "RuntimeError"),
        (OSError("two\nlines"), "two lines"),
        (SystemExit("gone"), "SystemExit: gone"),
        (BaseException("not even an Exception"), "not even an Exception"),
        (asyncio.CancelledError(), "a task that it awaited was cancelled"),
    ],
)
async def test_a_failure_names_plugin_hook_and_reason(plugins, caller, error, reason, fakes) -> None:
    plugins.add("docker", fakes.failing(error))
    with pytest.raises(PluginError) as caught:
        await caller.own("docker", "hub_poll", server=None)
    assert str(caught.value) == f"plugin 'docker' failed in hub_poll: {reason}"
    assert (caught.value.plugin, caught.value.hook, caught.value.reason) == ("docker", "hub_poll", reason)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [SystemExit(7), KeyboardInterrupt("stop"), BaseException()])
async def test_a_plain_function_that_exits_does_not_end_the_hub(plugins, caller, error, fakes) -> None:
    def hub_poll(server):
        raise error

    plugins.add("docker", fakes.plugin(hub_poll=hub_poll))
    with pytest.raises(PluginError, match="plugin 'docker' failed in hub_poll: "):
        await asyncio.create_task(caller.own("docker", "hub_poll", server=None))


async def test_a_timeout_is_distinguished_from_a_failure(plugins, caller, fakes) -> None:
    plugins.add("docker", fakes.hanging())
    with pytest.raises(
        PluginTimeoutError, match=r"plugin 'docker' failed in hub_poll: no answer within 0\.01 s"
    ):
        await caller.own("docker", "hub_poll", timeout=0.01, server=None)


async def test_a_timeout_error_of_the_plugin_itself_is_a_failure(plugins, caller, fakes) -> None:
    plugins.add("docker", fakes.failing(TimeoutError("engine does not answer")))
    with pytest.raises(PluginError, match="engine does not answer") as caught:
        await caller.own("docker", "hub_poll", server=None)
    assert not isinstance(caught.value, PluginTimeoutError)


async def test_cancelling_the_call_raises_a_cancellation(plugins, caller, fakes) -> None:
    plugins.add("docker", fakes.hanging())
    task = asyncio.create_task(caller.own("docker", "hub_poll", server=None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_around_the_call_is_raised_in_the_caller(plugins, caller, fakes) -> None:
    plugins.add("docker", fakes.hanging())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await caller.own("docker", "hub_poll", server=None)


async def test_a_part_answers_for_its_plugin(plugins, caller, fakes) -> None:
    async def hub_poll(server):
        return 7

    plugins.add("docker", types.ModuleType("docker"))
    plugins.add_part("docker", "spawner", fakes.plugin(hub_poll=hub_poll))
    assert await caller.own("docker", "hub_poll", server=None) == 7


async def test_plugins_that_were_added_later_are_found_after_forgetting(plugins, caller, fakes) -> None:
    assert caller.owner("late", "hub_authenticate") is None
    plugins.add("late", fakes.answering(ALICE))
    caller.forget_cache()
    assert caller.owner("late", "hub_authenticate") is not None


async def test_a_plain_function_does_not_block_the_loop(plugins, caller, fakes) -> None:
    gate = threading.Event()

    def hub_poll(server):
        gate.wait(10)
        return 3

    plugins.add("docker", fakes.plugin(hub_poll=hub_poll))
    call = asyncio.create_task(caller.own("docker", "hub_poll", server=None))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not call.done()
    gate.set()
    assert await call == 3


async def test_a_blocking_function_times_out(plugins, caller, fakes) -> None:
    gate = threading.Event()

    def hub_poll(server):
        gate.wait(10)

    plugins.add("docker", fakes.plugin(hub_poll=hub_poll))
    with pytest.raises(PluginTimeoutError):
        await caller.own("docker", "hub_poll", timeout=0.01, server=None)
    gate.set()


async def test_a_plain_function_may_return_an_awaitable(plugins, caller, fakes) -> None:
    async def later():
        return 5

    def hub_poll(server):
        return later()

    plugins.add("docker", fakes.plugin(hub_poll=hub_poll))
    assert await caller.own("docker", "hub_poll", server=None) == 5


async def test_a_generator_runs_in_its_thread_to_the_end(plugins, caller, fakes) -> None:
    def hub_inventory(mark):
        yield threading.current_thread()

    plugins.add("docker", fakes.plugin(hub_inventory=hub_inventory))
    (thread,) = await caller.own("docker", "hub_inventory", mark="m")
    assert thread is not threading.current_thread()


async def test_an_implementation_gets_only_the_arguments_that_it_names(plugins, caller, fakes) -> None:
    async def hub_stop(now):
        return now

    plugins.add("docker", fakes.plugin(hub_stop=hub_stop))
    assert await caller.own("docker", "hub_stop", server="not wanted", now=True) is True


async def test_a_plugin_that_swallows_its_cancellation_is_not_waited_for(
    plugins, caller, caplog, monkeypatch, fakes
) -> None:
    monkeypatch.setattr("plughub.plugin.time_limits.CANCELLED_HOOK_SECONDS", 0.05)
    released = asyncio.Event()

    async def stubborn():
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    plugins.add("docker", fakes.plugin(hub_poll=stubborn))
    async with asyncio.timeout(10):
        with pytest.raises(PluginTimeoutError, match="no answer within"):
            await caller.own("docker", "hub_poll", timeout=0.05, server=None)
    assert "still runs hub_poll after it was cancelled" in caplog.text
    released.set()
