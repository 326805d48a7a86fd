"""The examples in the docstrings of the hooks are plugins that work."""

from __future__ import annotations

import inspect
import logging
import re
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from plughub import hookimpl, hookspecs
from plughub.auth import Authenticator
from plughub.domain.events import Event, EventKind
from plughub.domain.option_fields import read_fields
from plughub.handlers import APIHandler
from plughub.kinds import (
    ActiveServers,
    HubContext,
    Identity,
    Login,
    LoginMethod,
    Refusal,
    Rejected,
    Server,
    UserInfo,
)
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ALSO, HOOKS, ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.spawner import Spawner

NAME = "example"
MOST_LINES = 10


def example_of(hook: str) -> str:
    """Return the code of the example in a docstring; empty when there is none."""
    documentation = inspect.getdoc(getattr(hookspecs, hook))
    return inspect.cleandoc(documentation.partition("\nExample:\n")[2])


EXAMPLES = {hook: code for hook in HOOKS if (code := example_of(hook))}


@pytest.fixture
def pools() -> Iterator[ThreadPools]:
    pools = ThreadPools(size=2)
    yield pools
    pools.close()


class Examples:
    """Loads the examples of hooks as one plugin."""

    def __init__(self, pools: ThreadPools) -> None:
        self.plugins = ActivePlugins()
        self.caller = HookCaller(self.plugins, pools)
        self.hooks = Hooks(self.caller)

    def load(self, *hooks: str) -> Hooks:
        module = types.ModuleType("plughub_example")
        for hook in hooks:
            exec(compile(EXAMPLES[hook], f"<example of {hook}>", "exec"), vars(module))
            for also in ALSO.get(hook, ()):
                vars(module).setdefault(also, hookimpl(lambda: None))
        self.plugins.add(NAME, module)
        return self.hooks


@pytest.fixture
def examples(pools: ThreadPools) -> Examples:
    return Examples(pools)


def server(**facts: Any) -> Server:
    groups = facts.pop("groups", ())
    return Server(user=UserInfo(name="alice", groups=groups), **facts)


def test_at_least_ten_hooks_have_an_example_that_a_test_of_this_module_runs() -> None:
    assert len(EXAMPLES) >= 10
    tested = Path(__file__).read_text()
    assert not [hook for hook in EXAMPLES if not re.search(rf'(load|register)\([^)]*"{hook}"', tested)]


@pytest.mark.parametrize("hook", EXAMPLES)
def test_an_example_implements_its_hook_in_few_lines(hook: str, examples: Examples) -> None:
    examples.load(hook)
    assert examples.plugins.implementations(hook)
    lines = [line for line in EXAMPLES[hook].splitlines() if line and not re.match("from|import", line)]
    assert len(lines) <= MOST_LINES


async def test_configure_reads_the_settings_of_the_plugin(examples: Examples, tmp_path: Path) -> None:
    examples.load("hub_configure")
    context = HubContext(
        mark="m",
        plugin=NAME,
        base_url="/",
        api_url="",
        runtime_dir=tmp_path,
        settings={"limits": {"staff": 3}},
    )
    [implementation] = examples.plugins.implementations("hub_configure")
    examples.caller.register("hub_configure", context=context)
    assert implementation.plugin.limits == {"students": 1, "staff": 3}  # type: ignore[attr-defined]


async def test_a_spawner_class_is_registered(examples: Examples) -> None:
    examples.load("hub_register_spawner")
    [answer] = examples.caller.register("hub_register_spawner")
    assert issubclass(answer.value, Spawner)
    assert await answer.value.start(None) == "http://10.0.0.5:8888"
    assert await answer.value.poll(None) is None


@pytest.mark.parametrize(("password", "expected"), [("workshop", "alice"), ("wrong", None)])
async def test_an_authenticator_class_is_registered(
    examples: Examples, password: str, expected: str | None
) -> None:
    examples.load("hub_register_authenticator")
    [answer] = examples.caller.register("hub_register_authenticator")
    assert issubclass(answer.value, Authenticator)
    authenticator = answer.value()
    assert await authenticator.authenticate(None, {"username": "alice", "password": password}) == expected


async def test_a_page_is_registered(examples: Examples) -> None:
    examples.load("hub_register_pages")
    [answer] = examples.caller.register("hub_register_pages")
    [page] = answer.value
    assert (page.path, issubclass(page.handler, APIHandler)) == ("/api/whoami", True)


async def test_a_login_method_is_described(examples: Examples) -> None:
    examples.load("hub_login_method")
    [answer] = examples.caller.register("hub_login_method", expected=LoginMethod)
    assert (answer.value.label, answer.value.url) == ("campus card", "campus/begin")
    assert examples.plugins.owners("authenticator") == (NAME,)


async def test_a_login_is_authenticated(examples: Examples) -> None:
    hooks = examples.load("hub_authenticate")
    good = await hooks.authenticate(Login(username="alice", password="correct horse battery staple"))
    assert good.value == Identity(name="alice", groups=frozenset({"staff"}))
    assert await hooks.authenticate(Login(username="alice", password="wrong")) is None
    assert await hooks.authenticate(Login(username="unknown", password="")) is None
    locked = await hooks.authenticate(Login(username="mallory", password="any"))
    assert isinstance(locked.value, Rejected)


async def test_a_login_is_refused_except_for_admins(examples: Examples) -> None:
    hooks = examples.load("hub_authorize_login")
    assert (await hooks.authorize_login(Identity(name="alice"))).value.status == 429
    assert await hooks.authorize_login(Identity(name="root", admin=True)) is None


async def test_options_are_shown_and_read(examples: Examples) -> None:
    hooks = examples.load("hub_options_form")
    shown = await hooks.options_form(NAME, server(options={"image": '"><script>'}))
    assert 'name="image"' in shown
    assert "<script>" not in shown
    assert await hooks.options_from_form(NAME, server(), {"image": ["gpu"]}) == {"image": "gpu"}


async def test_a_spawner_is_checked(examples: Examples, tmp_path: Path) -> None:
    hooks = examples.load("hub_check_spawner")
    [implementation] = examples.plugins.implementations("hub_check_spawner")
    implementation.plugin.socket = tmp_path / "missing"  # type: ignore[attr-defined]
    assert (await hooks.check_spawner(NAME)).message == "The machine for containers does not answer."
    implementation.plugin.socket = tmp_path  # type: ignore[attr-defined]
    assert await hooks.check_spawner(NAME) is None


async def test_profiles_are_offered(examples: Examples) -> None:
    hooks = examples.load("hub_profiles")
    small, gpu = await hooks.profiles(NAME, server())
    assert (small.slug, gpu.groups) == ("small", ("researchers",))
    assert [field.default for field in read_fields(gpu.options)] == [2]


@pytest.mark.parametrize(
    ("options", "groups", "refused"),
    [({"gpu": True}, (), True), ({"gpu": True}, ("researchers",), False), ({}, (), False)],
)
async def test_a_start_is_refused(
    examples: Examples, options: dict[str, object], groups: tuple[str, ...], refused: bool
) -> None:
    hooks = examples.load("hub_authorize_spawn")
    answer = await hooks.authorize_spawn(server(options=options, groups=groups))
    assert isinstance(answer.value, Refusal) if refused else answer is None


@pytest.mark.parametrize(
    ("active", "reason"),
    [
        (ActiveServers(user=2, groups={"students": 39}), ""),
        (ActiveServers(user=3), "You have three servers"),
        (ActiveServers(groups={"students": 40}), "All places of your course are taken"),
    ],
)
async def test_a_start_is_refused_for_the_number_of_servers(
    examples: Examples, active: ActiveServers, reason: str
) -> None:
    answer = await examples.load("hub_authorize_spawn").authorize_spawn(server(), active)
    assert (answer is not None) == bool(reason)
    assert answer is None or (reason in answer.value.reason and answer.value.status == 429)


async def test_a_server_is_launched_polled_and_stopped(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "jupyterhub-singleuser"
    program.write_text('#!/bin/sh\necho "listening at $JUPYTERHUB_SERVICE_URL"\nexec tail -f /dev/null\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("HOME", str(tmp_path))
    hooks = examples.load("hub_spawn", "hub_poll", "hub_usage", "hub_stop")
    endpoint = await hooks.spawn(NAME, server(prefix="/user/alice/"), 10)
    launched = server(url=endpoint.url, state=endpoint.state)
    try:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", endpoint.url)
        assert await hooks.poll(NAME, launched) is None
        assert (await hooks.usage(NAME, launched)).memory > 0
    finally:
        assert await hooks.stop(NAME, launched, now=True) is None
    assert await hooks.poll(NAME, launched) == 0
    assert await hooks.usage(NAME, launched) is None
    assert await hooks.stop(NAME, launched, now=True) is None
    assert await hooks.stop(NAME, server(), now=False) is None


async def test_a_failed_start_is_reported(examples: Examples, caplog: pytest.LogCaptureFixture) -> None:
    hooks = examples.load("hub_event")
    event: dict[str, Any] = {
        "at": datetime.now(UTC),
        "user": "alice",
        "server": "lab",
        "detail": {"message": "no memory"},
    }
    with caplog.at_level(logging.WARNING, "mail_admins"):
        await hooks.event(Event(kind=EventKind.SPAWN, **event), NAME)
        await hooks.event(Event(kind=EventKind.SPAWN_FAILED, **event), NAME)
    assert caplog.messages == ["server 'lab' of alice did not start: {'message': 'no memory'}"]
