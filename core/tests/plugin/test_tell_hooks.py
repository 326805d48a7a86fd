from __future__ import annotations

import asyncio
import inspect
import logging
import threading

import pytest

from plughub.domain.errors import PluginError, StartError
from plughub.kinds import Identity, Login, Progress, Rejected
from plughub.plugin import hook_calls
from plughub.plugin.hook_calls import Answer, HookCaller, describe
from plughub.plugin.hooks import Hooks

ONE, TWO = Progress(percent=1, message="one"), Progress(percent=2, message="two")
LOGIN = Login(username="alice", password="secret")
ALICE = Identity(name="alice")


@pytest.mark.parametrize("error", [ValueError("disk full"), SystemExit(), asyncio.CancelledError()])
async def test_a_failing_listener_affects_nothing_else(plugins, caller, caplog, error, fakes) -> None:
    received = []

    async def hub_event(event):
        received.append(event)

    plugins.add("audit", fakes.failing(error))
    plugins.add("metrics", fakes.plugin(hub_event=hub_event))
    await caller.tell("hub_event", event="login")
    assert received == ["login"]
    assert "plugin 'audit' failed in hub_event" in caplog.text


async def test_a_listener_that_hangs_does_not_delay_others(plugins, caller, impatient, fakes) -> None:
    received = threading.Event()

    def hub_event(event):
        received.set()

    plugins.add("audit", fakes.hanging())
    plugins.add("metrics", fakes.plugin(hub_event=hub_event))
    await caller.tell("hub_event", event="login")
    assert received.is_set()


def test_all_answers_are_kept_in_order(plugins, pools, fakes) -> None:
    plugins.add("one", fakes.plugin(hub_register_commands=lambda: ["a"]))
    plugins.add("none", fakes.plugin(hub_register_commands=lambda: None))
    plugins.add("two", fakes.plugin(hub_register_commands=lambda: ["b"]))
    caller = HookCaller(plugins, pools)
    assert caller.register("hub_register_commands") == [Answer(["a"], "one"), Answer(["b"], "two")]
    assert caller.register("hub_register_commands", only="two") == [Answer(["b"], "two")]


@pytest.mark.parametrize(
    "error", [ValueError("no folder"), SystemExit("no folder"), BaseException("no folder")]
)
def test_a_failure_at_start_stops_it_with_the_name(plugins, pools, error, fakes) -> None:
    def hub_register_commands():
        raise error

    plugins.add("broken", fakes.plugin(hub_register_commands=hub_register_commands))
    with pytest.raises(
        StartError, match=r"plugin 'broken' failed in hub_register_commands: .*no folder"
    ) as caught:
        HookCaller(plugins, pools).register("hub_register_commands")
    assert caught.value.exit_code == 2


def test_a_start_error_of_a_plugin_is_its_own(plugins, pools, fakes) -> None:
    def hub_configure(context):
        raise StartError("haproxy is not installed", hint="apt install haproxy")

    plugins.add("haproxy", fakes.plugin(hub_configure=hub_configure))
    with pytest.raises(StartError, match=r"^haproxy is not installed$"):
        HookCaller(plugins, pools).register("hub_configure", context=None)


async def test_every_call_is_observed_with_its_outcome(plugins, pools, impatient, fakes) -> None:
    seen = []
    plugins.add("bad", fakes.failing(ValueError()))
    plugins.add("slow", fakes.hanging())
    plugins.add("good", fakes.answering(ALICE))
    caller = HookCaller(
        plugins,
        pools,
        lambda name, hook, seconds, outcome, answer: seen.append((name, hook, outcome, answer)),
    )
    logging.getLogger("plughub.plugin").setLevel(logging.CRITICAL)
    try:
        await caller.decide("hub_authenticate", login=LOGIN)
    finally:
        logging.getLogger("plughub.plugin").setLevel(logging.NOTSET)
    assert seen == [
        ("bad", "hub_authenticate", "failed", None),
        ("slow", "hub_authenticate", "timeout", None),
        ("good", "hub_authenticate", "ok", ALICE),
    ]


def test_an_error_is_described_in_one_line() -> None:
    assert describe(ValueError("a\n  b")) == "a b"
    assert describe(ValueError("x")) == "ValueError: x"
    assert describe(PluginError("p", "h", "r")) == "plugin 'p' failed in h: r"


async def test_an_identity_that_its_plugin_does_not_complete_is_used_unchanged(
    plugins, caller, fakes
) -> None:
    plugins.add("pam", fakes.answering(None))
    hooks = Hooks(caller)
    assert await hooks.complete_login(Identity(name="alice", plugin="pam")) == Identity(
        name="alice", plugin="pam"
    )


async def test_an_identity_is_completed_by_the_plugin_that_authenticated(plugins, caller, fakes) -> None:
    async def hub_complete_login(identity):
        return Rejected("locked")

    plugins.add("other", fakes.plugin(hub_complete_login=hub_complete_login))
    plugins.add("pam", fakes.answering(None))
    hooks = Hooks(caller)
    assert await hooks.complete_login(Identity(name="a", plugin="other")) == Rejected("locked")
    assert await hooks.complete_login(Identity(name="a", plugin="pam")) == Identity(name="a", plugin="pam")


async def test_an_unknown_inventory_is_distinguished_from_an_empty_one(plugins, caller, fakes) -> None:
    async def hub_inventory(mark):
        return []

    plugins.add("pam", fakes.answering(None))
    plugins.add("docker", fakes.plugin(hub_inventory=hub_inventory))
    hooks = Hooks(caller)
    assert await hooks.inventory("pam", "m") is None
    assert await hooks.inventory("docker", "m") == ()


async def test_progress_reports_are_read_as_they_arrive(plugins, caller, fakes) -> None:
    async def hub_progress(server):
        yield ONE
        yield TWO

    plugins.add("docker", fakes.plugin(hub_progress=hub_progress))
    hooks = Hooks(caller)
    assert [step async for step in hooks.progress("docker", None)] == [ONE, TWO]
    assert hooks.progress("pam", None) is None


async def no_more(*items, error=SystemExit):
    for item in items:
        yield item
    raise error("no more")


@pytest.mark.parametrize("hook", ["progress", "watch"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: [ONE], "it must be an async generator: write async def, and yield in it"),
        (lambda: no_more(1), "it must yield (Progress|str), not int"),
        (no_more, "no more"),
        (lambda: no_more(error=BaseException), "no more"),
    ],
)
async def test_a_failing_generator_is_named_and_does_not_end_the_hub(
    plugins, caller, fakes, hook, answer, reason
) -> None:
    plugins.add("odd", fakes.plugin(**{f"hub_{hook}": answer}))
    with pytest.raises(PluginError, match=f"plugin 'odd' failed in hub_{hook}: {reason}") as caught:
        [item async for item in getattr(Hooks(caller), hook)("odd", "mark")]
    names_line = str(caught.value).endswith(f" ({__file__}:{answer.__code__.co_firstlineno})")
    assert names_line == reason.startswith("it must")


def test_the_caller_uses_public_names_of_pluggy_only() -> None:
    assert "pluggy._" not in inspect.getsource(hook_calls)
