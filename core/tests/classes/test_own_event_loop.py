"""Classes whose methods run on an event loop of their own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading

import pytest
from traitlets.config import Config

from plughub.auth import Authenticator
from plughub.classes.adapters import adapt_authenticator, adapt_proxy, adapt_spawner
from plughub.classes.authenticator.access import AccessRules
from plughub.classes.event_loop_thread import EventLoopThread
from plughub.domain.errors import FailedLoginError, PluginError, PluginTimeoutError
from plughub.domain.routes import Route
from plughub.kinds import Identity, Login, UserInfo
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.proxy import Proxy
from plughub.spawner import Spawner
from plughub.testing.classes import hooks_of
from plughub.testing.contracts.authenticator import AuthenticatorContract
from plughub.testing.contracts.spawner import make_server

LOOP = "plughub-blocking-loop"
request_id = contextvars.ContextVar("request_id", default="")


class Recorder:
    """Collects which thread ran each function."""

    def __init__(self) -> None:
        self.threads: dict[str, str] = {}

    def note(self, name):
        self.threads[name] = threading.current_thread().name


recorder = Recorder()


@pytest.fixture(autouse=True)
def recorded():
    recorder.threads.clear()
    return recorder.threads


class Home(Authenticator):
    """Authenticator on the hub's loop."""

    async def authenticate(self, handler, data):
        return data["username"]

    async def pre_spawn_start(self, user, spawner):
        recorder.note("pre_spawn_start")


class BlockingAuthenticator(Authenticator):
    own_event_loop = True
    entered = threading.Event()
    released = threading.Event()

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        asyncio.get_running_loop()
        recorder.note("__init__")

    async def authenticate(self, handler, data):
        recorder.note("authenticate")
        if data["username"] == "exit":
            raise SystemExit(3)
        if data["username"] == "blocked":
            self.entered.set()
            self.released.wait(30)
        return data["username"]

    def normalize_username(self, username):
        recorder.note("normalize_username")
        return super().normalize_username(username)

    async def check_allowed(self, username, authentication=None):
        recorder.note("check_allowed")
        return request_id.get() != "refused"

    def is_admin(self, handler, authentication):
        recorder.note("is_admin")
        return asyncio.ensure_future(self._is_admin())

    async def _is_admin(self):
        return True


class BlockingSpawner(Spawner):
    own_event_loop = True

    def start(self):
        recorder.note("start")
        return asyncio.get_running_loop().create_task(self._start())

    async def _start(self):
        if self.user.name == "exit":
            asyncio.get_running_loop().call_soon(self._exit)
            await asyncio.Event().wait()
        return "http://127.0.0.1:5000"

    def _exit(self):
        raise SystemExit(1)

    async def stop(self, now=False):
        recorder.note("stop")

    def poll(self):
        recorder.note("poll")

    async def progress(self):
        try:
            for percent in (10, 20, 30):
                recorder.note("progress")
                yield {"progress": percent, "message": "…"}
        finally:
            recorder.note("progress closed")


class BlockingProxy(Proxy):
    own_event_loop = True

    async def add_route(self, routespec, target, data):
        recorder.note("add_route")

    async def delete_route(self, routespec):
        recorder.note("delete_route")

    async def get_all_routes(self):
        recorder.note("get_all_routes")
        return {}


def hook(spawner):
    recorder.note("pre_spawn_hook")


@pytest.fixture
def pools():
    pools = ThreadPools(2)
    yield pools
    pools.close()


@pytest.fixture
def hooks_for(pools):
    def make(**plugins):
        active = ActivePlugins()
        for name, plugin in plugins.items():
            active.add(name, plugin)
        return Hooks(HookCaller(active, pools))

    return make


async def test_a_login_runs_on_the_loop_of_the_class(hooks_for, recorded):
    plugin, authenticator = adapt_authenticator("blocking", BlockingAuthenticator)
    rules = AccessRules({"blocking": authenticator}, Authenticator())
    hooks = hooks_for(blocking=plugin, access=rules)
    answer = await hooks.authenticate(Login(username="Alice"))
    identity = Identity(name="alice", login_name="alice", plugin="blocking")
    assert answer.value.name == "alice"
    assert await hooks.authorize_login(identity) is None
    assert (await hooks.complete_login(identity)).admin is True
    assert recorded == dict.fromkeys(
        ("__init__", "authenticate", "normalize_username", "check_allowed", "is_admin"), LOOP
    )


async def test_context_variables_reach_the_loop_of_the_class(hooks_for):
    plugin, authenticator = adapt_authenticator("blocking", BlockingAuthenticator)
    hooks = hooks_for(blocking=plugin, access=AccessRules({"blocking": authenticator}, Authenticator()))
    request_id.set("refused")
    assert await hooks.authorize_login(Identity(name="alice", plugin="blocking")) is not None


async def test_the_loop_of_the_hub_runs_while_a_class_blocks(hooks_for):
    plugin, _ = adapt_authenticator("blocking", BlockingAuthenticator)
    hooks = hooks_for(blocking=plugin)
    BlockingAuthenticator.entered.clear()
    BlockingAuthenticator.released.clear()
    login = asyncio.create_task(hooks.authenticate(Login(username="blocked")))
    assert await asyncio.to_thread(BlockingAuthenticator.entered.wait, 30)
    assert not login.done()
    BlockingAuthenticator.released.set()
    assert (await login).value.name == "blocked"


async def test_a_class_that_wants_to_exit_ends_neither_the_hub_nor_its_loop(hooks_for, caplog):
    hooks = hooks_for(
        blocking=adapt_authenticator("blocking", BlockingAuthenticator)[0],
        spawning=adapt_spawner("spawning", BlockingSpawner),
    )
    with pytest.raises(FailedLoginError):
        await hooks.authenticate(Login(username="exit"))
    assert "wanted to end the hub (exit code 3)" in caplog.text
    with pytest.raises(PluginTimeoutError):
        await hooks.spawn("spawning", make_server("exit"), 0.2)
    assert "plugin 'spawning' wanted to end the hub (exit code 1); ignored" in caplog.text
    assert (await hooks.authenticate(Login(username="alice"))).value.name == "alice"
    assert (await hooks.spawn("spawning", make_server("alice"), 5)).url == "http://127.0.0.1:5000"


async def test_a_server_is_managed_on_the_loop_of_the_class(hooks_for, recorded, tmp_path):
    config = Config({"Spawner": {"pre_spawn_hook": hook}})
    home = Home()
    plugin = adapt_spawner("blocking", BlockingSpawner, config, tmp_path, {"home": home})
    hooks = hooks_for(blocking=plugin)
    user = UserInfo(name="alice", plugin="home")
    server = make_server("alice", user=user)
    endpoint = await hooks.spawn("blocking", server, 5)
    launched = make_server("alice", user=user, state=endpoint.state, url=endpoint.url)
    assert await hooks.poll("blocking", launched) is None
    steps = [step.percent async for step in hooks.progress("blocking", launched)]
    assert steps == [10, 20, 30]
    await hooks.stop("blocking", launched, now=False)
    assert recorded.pop("pre_spawn_start") == threading.current_thread().name
    names = ("start", "pre_spawn_hook", "poll", "progress", "progress closed", "stop")
    assert recorded == dict.fromkeys(names, LOOP)


async def test_a_closed_report_of_progress_is_closed_in_the_class(hooks_for, recorded):
    hooks = hooks_for(blocking=adapt_spawner("blocking", BlockingSpawner))
    report = hooks.progress("blocking", make_server("alice"))
    assert (await anext(report)).percent == 10
    assert "progress closed" not in recorded
    await report.aclose()
    assert recorded["progress closed"] == LOOP


async def test_routes_are_changed_on_the_loop_of_the_class(hooks_for, recorded, tmp_path):
    plugin, _ = adapt_proxy("blocking", BlockingProxy)
    hooks = hooks_for(blocking=plugin)
    route = Route(routespec="/user/alice/", target="http://127.0.0.1:5000", data={"user": "alice"})
    await hooks.route_add("blocking", route)
    await hooks.route_delete("blocking", route.routespec, route.data)
    assert await hooks.routes("blocking", activity=False) == ()
    assert recorded == dict.fromkeys(("add_route", "delete_route", "get_all_routes"), LOOP)


async def test_a_timeout_cancels_the_coroutine_of_the_class(hooks_for):
    ended = threading.Event()

    class Slow(BlockingSpawner):
        async def start(self):
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    hooks = hooks_for(blocking=adapt_spawner("blocking", Slow))
    with pytest.raises(PluginError):
        await hooks.spawn("blocking", make_server("alice"), 0.1)
    assert await asyncio.to_thread(ended.wait, 30)


class TestAnAuthenticatorOnItsOwnLoopKeepsTheContract(AuthenticatorContract):
    believes_names = True

    @pytest.fixture
    def plugin(self):
        class OnItsOwn(BlockingAuthenticator):
            async def authenticate(self, handler, data):
                return data["username"] if data["password"] == "open sesame" else None

        return hooks_of(OnItsOwn)

    @pytest.fixture
    def known(self):
        return Login(username="alice", password="open sesame")


async def test_a_generator_is_closed_after_a_cancellation_although_its_step_takes_time_to_end():
    begun, ended = threading.Event(), threading.Event()

    async def events():
        try:
            begun.set()
            await asyncio.Event().wait()
            yield "never"
        except asyncio.CancelledError:
            for _ in range(100):
                await asyncio.sleep(0)
            raise
        finally:
            ended.set()

    async def read():
        async with contextlib.aclosing(EventLoopThread("slow").iterate(events)) as items:
            await anext(items)

    reading = asyncio.create_task(read())
    assert await asyncio.to_thread(begun.wait, 10)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert ended.is_set()
