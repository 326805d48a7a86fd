import asyncio
import json
import threading
from dataclasses import replace
from typing import ClassVar

import pytest
from tornado import gen, web
from traitlets.config import Config

from plughub.classes.spawner.cache import SpawnerCache
from plughub.classes.spawner.hooks import URL_KEY, SpawnerHooks
from plughub.classes.user_code import call, runs_on_loop
from plughub.kinds import Diagnosis, Found, HubContext, Progress, SpawnFailed
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import HOOKS, ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.spawner import Spawner, SpawnException
from plughub.testing.contracts.spawner import make_server


class InMemorySpawner(Spawner):
    """Servers in a dictionary, by operation."""

    running: ClassVar[dict] = {}
    made = 0
    answer = ("127.0.0.1", 5000)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        type(self).made += 1
        self.number = 0

    async def start(self):
        self.number = len(self.running) + 1
        self.running[self.number] = True
        return self.answer

    async def poll(self):
        return None if self.running.get(self.number) else 1

    async def stop(self, now=False):
        self.running.pop(self.number, None)

    def get_state(self):
        return {**super().get_state(), "number": self.number}

    def load_state(self, state):
        super().load_state(state)
        self.number = state["number"]

    def clear_state(self):
        super().clear_state()
        self.number = 0


@pytest.fixture(autouse=True)
def forget():
    yield
    InMemorySpawner.running.clear()


def hooks_of(spawner_class, **settings):
    return SpawnerHooks("tested", spawner_class, Config({"Spawner": settings}))


async def launched(hooks, server):
    endpoint = await hooks.hub_spawn(server)
    return replace(server, environment={}, state=json.loads(json.dumps(dict(endpoint.state)))), endpoint


async def test_a_class_is_called_through_the_hooks_of_a_plugin():
    plugins, pools = ActivePlugins(), ThreadPools()
    plugins.add("tested", hooks_of(InMemorySpawner))
    hooks = Hooks(HookCaller(plugins, pools))
    server = make_server("alice")

    endpoint = await hooks.spawn("tested", server, 5)
    server = replace(server, state=endpoint.state)

    assert plugins.owners("spawner") == ("tested",)
    assert endpoint.url == "http://127.0.0.1:5000"
    assert await hooks.poll("tested", server) is None
    await hooks.stop("tested", server)
    assert await hooks.poll("tested", server) == 1
    assert [step.percent async for step in hooks.progress("tested", server)] == [50]
    assert await hooks.logs("tested", server, 5) == ()
    assert await hooks.diagnose("tested", server) == Diagnosis("")
    assert await hooks.inventory("tested", "mark") is None
    assert await hooks.options_form("tested", server) == ""
    pools.close()


def test_every_hook_of_the_spawner_kind_is_implemented():
    plugins = ActivePlugins()
    plugins.add("tested", hooks_of(InMemorySpawner))
    elsewhere = {
        "hub_check_spawner",
        "hub_spawner_info",
        "hub_configure",
        "hub_authorize_spawn",
        "hub_register_spawner",
    }

    wanted = {
        name for name in HOOKS if "spawn" in name or name.startswith(("hub_options", "hub_stop", "hub_poll"))
    }

    assert [name for name in wanted - elsewhere if not plugins.implementations(name)] == []


class AsyncSpawner(InMemorySpawner):
    async def start(self):
        assert threading.current_thread() is threading.main_thread()
        await asyncio.sleep(0)
        return await super().start()


class CoroutineSpawner(InMemorySpawner):
    @gen.coroutine
    def start(self):
        assert threading.current_thread() is threading.main_thread()
        yield gen.sleep(0)
        self.number = 1
        self.running[1] = True
        raise gen.Return(self.answer)

    @gen.coroutine
    def poll(self):
        yield gen.moment
        raise gen.Return(None if self.running.get(self.number) else 1)

    @gen.coroutine
    def stop(self, now=False):
        yield gen.moment
        self.running.pop(self.number, None)


class BlockingSpawner(InMemorySpawner):
    def start(self):
        assert threading.current_thread() is not threading.main_thread()
        self.number = 1
        self.running[1] = True
        return self.answer

    def poll(self):
        assert threading.current_thread() is not threading.main_thread()
        return None if self.running.get(self.number) else 1

    def stop(self, now=False):
        self.running.pop(self.number, None)


class DelegatingSpawner(InMemorySpawner):
    def start(self):
        return super().start()


@pytest.mark.parametrize(
    "spawner_class", [AsyncSpawner, CoroutineSpawner, BlockingSpawner, DelegatingSpawner]
)
async def test_methods_may_be_synchronous_or_asynchronous(spawner_class):
    hooks = hooks_of(spawner_class)
    server, endpoint = await launched(hooks, make_server("alice"))

    assert endpoint.url == "http://127.0.0.1:5000"
    assert await hooks.hub_poll(server) is None
    await hooks.hub_stop(server, now=True)
    assert await hooks.hub_poll(server) == 1


async def test_a_blocking_method_does_not_delay_others():
    release = threading.Event()

    class SlowSpawner(InMemorySpawner):
        def poll(self):
            return None if release.wait(20) else 1

    slow, quick = hooks_of(SlowSpawner), hooks_of(InMemorySpawner)
    slow_server, _ = await launched(slow, make_server("slow"))
    quick_server, _ = await launched(quick, make_server("quick"))
    polling = asyncio.create_task(slow.hub_poll(slow_server))

    assert await asyncio.wait_for(quick.hub_poll(quick_server), 5) is None
    release.set()
    assert await polling is None


@pytest.mark.parametrize(
    ("answer", "url"),
    [
        (("127.0.0.1", 5000), "http://127.0.0.1:5000"),
        (("", 5000), "http://127.0.0.1:5000"),
        (["node7", "5000"], "http://node7:5000"),
        (("::1", 5000), "http://[::1]:5000"),
        (5000, "http://127.0.0.1:5000"),
        ("https://node7:5000/user/alice/", "https://node7:5000"),
        ("http://node7", "http://node7:80"),
        (None, "http://127.0.0.1:4000"),
    ],
)
async def test_start_may_return_several_forms(answer, url, monkeypatch):
    monkeypatch.setattr(InMemorySpawner, "answer", answer)

    _, endpoint = await launched(hooks_of(InMemorySpawner, port=4000), make_server("alice"))

    assert endpoint.url == url


@pytest.mark.parametrize("answer", [object(), ("a", "b", "c"), "nonsense", None])
async def test_an_invalid_address_fails_the_start(answer, monkeypatch):
    monkeypatch.setattr(InMemorySpawner, "answer", answer)

    with pytest.raises(SpawnFailed, match=r"InMemorySpawner\.start"):
        await hooks_of(InMemorySpawner).hub_spawn(make_server("alice"))


async def test_start_may_set_the_server_object_instead_of_returning_an_address():
    class LegacySpawner(InMemorySpawner):
        async def start(self):
            self.user.server.ip, self.user.server.port = "10.0.0.5", 5001

    _, endpoint = await launched(hooks_of(LegacySpawner), make_server("alice"))

    assert endpoint.url == "http://10.0.0.5:5001"


async def test_an_instance_serves_one_start_and_is_reused():
    hooks = hooks_of(InMemorySpawner)
    server, _ = await launched(hooks, make_server("alice"))
    made = InMemorySpawner.made

    for _ in range(3):
        await hooks.hub_poll(server)
        await hooks.hub_logs(server, 5)

    assert InMemorySpawner.made == made


async def test_another_process_makes_an_instance_from_the_state_alone():
    server, endpoint = await launched(hooks_of(InMemorySpawner), make_server("alice"))

    class DiagnosingSpawner(InMemorySpawner):
        def diagnose(self):
            return self.url

    other = hooks_of(DiagnosingSpawner)

    assert await other.hub_poll(server) is None
    assert await other.hub_diagnose(server) == f"{endpoint.url}/user/alice/"
    await other.hub_stop(server, now=False)
    assert not InMemorySpawner.running


async def test_load_state_does_not_get_the_address():
    seen = []

    class StateRecordingSpawner(InMemorySpawner):
        def load_state(self, state):
            seen.append(dict(state))
            super().load_state(state)

    server, _ = await launched(hooks_of(StateRecordingSpawner), make_server("alice"))
    await hooks_of(StateRecordingSpawner).hub_poll(server)

    assert URL_KEY in server.state
    assert seen == [{"number": 1}]


async def test_an_outdated_instance_is_not_reused_after_a_start_elsewhere():
    here = hooks_of(InMemorySpawner)
    first, _ = await launched(here, make_server("alice"))
    await hooks_of(InMemorySpawner).hub_stop(first, now=True)
    again, _ = await launched(hooks_of(InMemorySpawner), replace(first, state={}))
    again = replace(again, state={**again.state, "number": 7})
    InMemorySpawner.running[7] = True

    assert await here.hub_poll(again) is None
    await here.hub_stop(again, now=True)
    assert 7 not in InMemorySpawner.running


async def test_a_server_in_the_middle_of_its_start_counts_as_running():
    inside, go_on = asyncio.Event(), asyncio.Event()

    class WaitingSpawner(InMemorySpawner):
        async def start(self):
            inside.set()
            await go_on.wait()
            return await super().start()

    hooks, server = hooks_of(WaitingSpawner), make_server("alice")
    starting = asyncio.create_task(hooks.hub_spawn(server))
    await inside.wait()

    assert await hooks.hub_poll(server) is None
    go_on.set()
    await starting
    InMemorySpawner.running.clear()
    assert await hooks.hub_poll(server) == 1


async def test_the_remains_of_a_failed_start_are_stopped_by_the_same_instance():
    class FailingSpawner(InMemorySpawner):
        async def start(self):
            await super().start()
            raise RuntimeError("half way")

    hooks, server = hooks_of(FailingSpawner), make_server("alice")
    with pytest.raises(RuntimeError, match="half way"):
        await hooks.hub_spawn(server)
    assert InMemorySpawner.running

    await hooks.hub_stop(server, now=True)

    assert not InMemorySpawner.running


def test_the_cache_is_bounded_but_keeps_starting_servers():
    cache = SpawnerCache(limit=3)
    pinned = make_server("pinned")
    cache.keep(pinned, InMemorySpawner())
    with cache.starting(pinned):
        for number in range(10):
            cache.keep(make_server(f"user{number}"), InMemorySpawner())
        assert len(cache) == 3
        assert cache.find(pinned) is not None
    cache.keep(replace(pinned, operation=""), InMemorySpawner())
    assert cache.find(replace(pinned, operation="")) is None


async def test_a_failing_post_stop_hook_does_not_fail_the_stop(caplog):
    calls = []

    def hook(spawner):
        calls.append(spawner.user.name)
        raise RuntimeError("no")

    hooks = hooks_of(InMemorySpawner, post_stop_hook=hook)
    server, _ = await launched(hooks, make_server("alice"))

    await hooks.hub_stop(server, now=False)

    assert calls == ["alice"]
    assert "post_stop_hook failed for alice/" in caplog.text


async def test_a_token_of_an_earlier_start_is_reported():
    class ResumingSpawner(InMemorySpawner):
        async def start(self):
            self.api_token = "the old one"
            return await super().start()

    _, endpoint = await launched(hooks_of(ResumingSpawner), make_server("alice"))
    _, fresh = await launched(hooks_of(InMemorySpawner), make_server("bob"))

    assert endpoint.api_token == "the old one"
    assert fresh.api_token is None
    assert "old" not in repr(endpoint)


class JupyterHubStyleError(Exception):
    jupyterhub_message = "quota used up"
    jupyterhub_html_message = "<b>quota</b>"


@pytest.mark.parametrize(
    ("error", "message", "html", "status"),
    [
        (SpawnFailed("plain", status=503), "plain", "", 503),
        (JupyterHubStyleError("inner"), "quota used up", "<b>quota</b>", 500),
        (web.HTTPError(403, "not today"), "not today", "", 403),
        (
            SpawnException("bad image", reason="image", message_html="<i>bad</i>"),
            "bad image",
            "<i>bad</i>",
            400,
        ),
    ],
    ids=["ours", "attributes", "HTTP error", "refusal by rule"],
)
async def test_the_message_for_the_user_is_taken_from_the_exception(error, message, html, status):
    class FailingSpawner(InMemorySpawner):
        async def start(self):
            raise error

    with pytest.raises(SpawnFailed) as caught:
        await hooks_of(FailingSpawner).hub_spawn(make_server("alice"))

    assert (caught.value.message, caught.value.html, caught.value.status) == (message, html, status)


@pytest.mark.parametrize(
    ("answer", "code"), [(None, None), (0, 0), (-9, -9), ("3", 3), ("ExitCode=1", 0), (True, 1)]
)
async def test_an_exit_code_is_always_a_number(answer, code):
    class EndedSpawner(InMemorySpawner):
        async def poll(self):
            return answer

    found = await hooks_of(EndedSpawner).hub_poll(make_server("alice"))

    assert found == code
    assert type(found) in {int, type(None)}


async def test_progress_is_read_in_all_forms_and_ends_with_the_ready_hook():
    closed = []

    class ProgressSpawner(InMemorySpawner):
        async def progress(self):
            try:
                yield {"progress": 20, "message": "pulling"}
                yield {"message": "still pulling", "html_message": "<b>still</b>"}
                yield "nearly"
                yield Progress(percent=80, message="there")
            finally:
                closed.append(True)

    async def ready(spawner, event):
        return {**event, "html_message": f"<b>{spawner.user.name}</b> {event['url']}"}

    server = make_server("alice")
    steps = [step async for step in hooks_of(ProgressSpawner, progress_ready_hook=ready).hub_progress(server)]

    assert steps == [
        Progress(percent=20, message="pulling"),
        Progress(percent=20, message="still pulling", html="<b>still</b>"),
        Progress(percent=20, message="nearly"),
        Progress(percent=80, message="there"),
        Progress(percent=100, message="Server ready", html="<b>alice</b> /user/alice/"),
    ]
    assert closed == [True]


@pytest.mark.parametrize("first", ["start", "report"])
async def test_progress_comes_from_the_instance_that_starts_whichever_hook_is_called_first(first):
    class DelayedProgressSpawner(InMemorySpawner):
        async def start(self):
            self.said = "pulling"
            return await super().start()

        async def progress(self):
            while not hasattr(self, "said"):
                await asyncio.sleep(0)
            yield {"progress": 20, "message": self.said}

    hooks, server = hooks_of(DelayedProgressSpawner), make_server("alice")
    DelayedProgressSpawner.made = 0

    async def report():
        return [step.message async for step in hooks.hub_progress(server)]

    calls = {"start": hooks.hub_spawn(server), "report": report()}
    tasks = {name: asyncio.create_task(calls[name]) for name in sorted(calls, key=lambda name: name != first)}
    async with asyncio.timeout(5):
        assert await tasks["report"] == ["pulling"]
        await tasks["start"]
    assert DelayedProgressSpawner.made == 1


async def test_a_progress_report_that_is_not_read_to_its_end_is_closed():
    closed = []

    class ProgressSpawner(InMemorySpawner):
        async def progress(self):
            try:
                while True:
                    yield "again"
            finally:
                closed.append(True)

    report = hooks_of(ProgressSpawner).hub_progress(make_server("alice"))
    await anext(report)
    await report.aclose()

    assert closed == [True]


async def test_servers_in_the_inventory_can_be_polled_and_stopped():
    class InventorySpawner(InMemorySpawner):
        def inventory(self, mark):
            yield Found(
                operation="op", user="alice", server="", url="http://127.0.0.1:7", state={"number": 1}
            )

    (found,) = await hooks_of(InventorySpawner).hub_inventory("mark")

    assert found.state == {"number": 1, URL_KEY: "http://127.0.0.1:7"}


def test_spawner_info_comes_from_the_settings():
    class HostBoundSpawner(InMemorySpawner):
        label = "My machines"
        host_bound = True

    info = hooks_of(
        HostBoundSpawner,
        start_timeout=7,
        http_timeout=8,
        poll_interval=9,
        poll_jitter=0.5,
        server_token_scopes=["access:servers"],
        oauth_client_allowed_scopes=["list:users"],
    ).hub_spawner_info()

    assert (info.label, info.host_bound) == ("My machines", True)
    assert (info.start_timeout, info.http_timeout, info.poll_interval, info.poll_jitter) == (7, 8, 9, 0.5)
    assert info.server_token_scopes == ("access:servers",)
    assert info.oauth_client_allowed_scopes == ("list:users",)
    named = hooks_of(
        HostBoundSpawner, spawner_label="Lab", spawner_description="For <b>all</b>"
    ).hub_spawner_info()
    assert (named.label, named.description) == ("Lab", "For <b>all</b>")
    plain = hooks_of(InMemorySpawner).hub_spawner_info()
    assert (plain.label, plain.server_token_scopes, plain.oauth_client_allowed_scopes) == (
        "tested",
        None,
        None,
    )


async def test_a_spawner_receives_the_folder_of_its_plugin(tmp_path):
    class FolderSpawner(InMemorySpawner):
        def logs(self, lines):
            return [str(self.runtime_dir)]

    hooks = hooks_of(FolderSpawner)
    hooks.hub_configure(HubContext(mark="m", plugin="tested", base_url="/", api_url="", runtime_dir=tmp_path))

    assert await hooks.hub_logs(make_server("alice"), 1) == (str(tmp_path / "tested"),)


class CallableObject:
    async def __call__(self):
        return "object"


async def test_functions_run_on_the_loop_or_in_a_thread_as_needed():
    async def on_loop():
        return "loop"

    assert await call("p", on_loop) == "loop"
    assert await call("p", CallableObject()) == "object"
    assert await call("p", lambda: on_loop()) == "loop"
    assert await call("p", lambda: 3) == 3
    assert not runs_on_loop(print)


class ChoosySpawner(InMemorySpawner):
    """Reads an option in `start`."""

    async def start(self):
        size = self.user_options.get("size", "small")
        if size == "library":
            json.loads("/etc/secret")
        if size not in {"small", "large"}:
            raise ValueError(f"there is no size {size!r}")
        return "http://127.0.0.1:1"


async def test_a_value_error_of_start_refuses_the_options():
    server = make_server("ada", options={"size": "huge"})
    with pytest.raises(SpawnFailed, match="the options are not valid: there is no size 'huge'") as raised:
        await hooks_of(ChoosySpawner).hub_spawn(server)
    assert raised.value.status == 400


@pytest.mark.parametrize("options", [{}, {"size": "library"}])
async def test_another_value_error_of_start_is_a_failure_whose_text_the_user_does_not_read(options):
    class Failing(ChoosySpawner):
        async def start(self):
            if not self.user_options:
                raise ValueError("/etc/secret")
            return await super().start()

    with pytest.raises((SpawnFailed, ValueError)) as raised:
        await hooks_of(Failing).hub_spawn(make_server("ada", options=options))
    assert getattr(raised.value, "status", 500) == 500
    assert "the options are not valid" not in str(raised.value)
