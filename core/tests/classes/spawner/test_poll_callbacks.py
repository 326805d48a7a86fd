"""Callbacks for servers that end, hook methods, and state that a poll changes."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from traitlets.config import Config

from plughub.classes.spawner.cache import SpawnerCache
from plughub.classes.spawner.hooks import URL_KEY, SpawnerHooks
from plughub.kinds import Moved, SpawnFailed
from plughub.spawner import Spawner
from plughub.testing.contracts.spawner import make_server


class CallbackSpawner(Spawner):
    """Server that runs while ``code`` is None."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.code, self.number, self.called = None, 1, []

    async def start(self):
        self.add_poll_callback(self.called.append, "plain")
        self.add_poll_callback(self.fail)
        self.add_poll_callback(self.tell, word="later")
        self.start_polling()
        self.number += 1
        return ("127.0.0.1", 5000)

    async def stop(self, now=False):
        self.stop_polling()
        self.code = 0

    async def poll(self):
        return self.code

    async def tell(self, word):
        self.called.append(word)

    def fail(self):
        raise RuntimeError("broken callback")

    def get_state(self):
        return {**super().get_state(), "number": self.number}

    def load_state(self, state):
        super().load_state(state)
        self.number = state["number"]


def hooks_of(cls, **settings):
    return SpawnerHooks("tested", cls, Config({"Spawner": settings}))


async def started(cls=CallbackSpawner, **settings):
    hooks, server = hooks_of(cls, **settings), make_server("alice")
    endpoint = await hooks.hub_spawn(server)
    server = replace(server, environment={}, state=endpoint.state, url=endpoint.url)
    return hooks, server, await hooks._find(server)


async def test_callbacks_are_called_once_when_a_poll_finds_the_server_dead(caplog):
    hooks, server, spawner = await started()
    assert await hooks.hub_poll(server) is None
    spawner.code = 3
    assert [await hooks.hub_poll(server), await hooks.hub_poll(server)] == [3, 3]
    assert spawner.called == ["plain", "later"]
    assert "a poll callback failed for alice/" in caplog.text


async def test_a_stop_calls_no_callbacks_not_even_for_a_poll_that_ends_later():
    called, ended = [], []

    class RegisteringSpawner(CallbackSpawner):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.add_poll_callback(called.append, "died")

        async def stop(self, now=False):
            ended.append(1)

        async def poll(self):
            return 0 if ended else None

    hooks, server, _ = await started(RegisteringSpawner)
    await hooks.hub_stop(server, now=False)
    assert await hooks.hub_poll(server) == 0
    assert called == []
    assert await hooks.hub_poll(make_server("bob")) == 0
    assert called == ["died"]


async def test_a_server_whose_stop_failed_is_watched_again():
    class UnstoppableSpawner(CallbackSpawner):
        async def stop(self, now=False):
            raise RuntimeError("does not end")

    hooks, server, spawner = await started(UnstoppableSpawner)
    with pytest.raises(RuntimeError):
        await hooks.hub_stop(server, now=False)
    assert await hooks.hub_poll(server) is None
    spawner.code = 1
    assert await hooks.hub_poll(server) == 1
    assert spawner.called == ["plain", "later"]


async def test_callbacks_pass_to_the_instance_that_replaces_another():
    hooks, server, spawner = await started()
    other = replace(server, state={**server.state, "number": 9})
    new = await hooks._find(other)
    assert new is not spawner
    new.code = 1
    assert await hooks.hub_poll(other) == 1
    assert spawner.called == ["plain", "later"]


def test_instances_with_callbacks_are_evicted_last():
    cache, watched = SpawnerCache(limit=2), CallbackSpawner()
    watched.add_poll_callback(print)
    cache.keep(make_server("first"), watched)
    for number in range(9):
        cache.keep(make_server(f"user{number}"), CallbackSpawner())
    assert len(cache) == 3
    for number in range(40):
        spawner = CallbackSpawner()
        spawner.add_poll_callback(print)
        cache.keep(make_server(f"watched{number}"), spawner)
    assert len(cache) == 22


async def test_poll_and_notify_and_wait_for_death():
    _, _, spawner = await started()
    spawner.death_interval = 0.01
    assert await spawner.poll_and_notify() is None
    assert await spawner.wait_for_death(0.02) is None
    spawner.code = 2
    assert (await spawner.poll_and_notify(), await spawner.wait_for_death()) == (2, 2)
    assert spawner.called == ["plain", "later"]


class RestartingSpawner(CallbackSpawner):
    """Restarts its server in each poll."""

    async def poll(self):
        if self.code is None:
            await self.stop()
            self.code = None
            await self.start()
        return self.code


async def test_a_state_that_a_poll_changes_is_reported_until_it_is_saved():
    hooks, server, spawner = await started(RestartingSpawner)
    number = spawner.number
    new = Moved(url=server.url, state={"number": number + 1, URL_KEY: server.url})
    assert await hooks.hub_poll(server) == new
    assert await hooks.hub_poll(server) == new, "the hub could not save it; the server is not restarted again"
    assert await hooks.hub_poll(replace(server, state=new.state)) is None
    spawner.http_timeout, spawner._may_restart_at = 0, 0
    assert (await hooks.hub_poll(replace(server, state=new.state))).state["number"] == number + 2


async def test_a_starting_server_is_not_restarted_by_its_poll():
    hooks, server, spawner = await started(RestartingSpawner)
    number = spawner.number
    assert await hooks.hub_poll(replace(server, starting=True)) is None
    assert spawner.number == number
    assert "start" not in vars(spawner)


async def test_a_server_without_its_token_is_not_restarted_but_counts_as_ended(caplog):
    _, server, _ = await started(RestartingSpawner)
    other = hooks_of(RestartingSpawner)  # of the next hub process, which does not know the token
    assert await other.hub_poll(server) == 0
    spawner = await other._find(server)
    assert spawner.number == server.state["number"], "the server was started without its token"
    assert "only the hub process that started it knew its token" in caplog.text


async def test_polls_of_one_server_wait_for_each_other():
    class SlowSpawner(CallbackSpawner):
        inside = most = 0

        async def poll(self):
            SlowSpawner.inside += 1
            SlowSpawner.most = max(SlowSpawner.most, SlowSpawner.inside)
            await asyncio.sleep(0)
            SlowSpawner.inside -= 1

    hooks, server, _ = await started(SlowSpawner)
    await asyncio.gather(*(hooks.hub_poll(server) for _ in range(5)))
    assert SlowSpawner.most == 1


@pytest.mark.parametrize("colour", ["async", "plain"])
@pytest.mark.parametrize("form", ["alone", "with the spawner"])
async def test_a_method_named_like_a_hook_is_called_once_beside_the_configured_function(form, colour):
    calls = []

    class HookSpawner(CallbackSpawner):
        async def start(self):
            if form == "alone":
                given = self.pre_spawn_hook()
                assert (await given if colour == "async" else given) == "prepared"
            return await super().start()

        if (form, colour) == ("alone", "async"):

            async def pre_spawn_hook(self):
                calls.append("method")
                return "prepared"
        elif form == "alone":

            def pre_spawn_hook(self):
                calls.append("method")
                return "prepared"
        elif colour == "async":

            async def pre_spawn_hook(self, spawner):
                calls.append("method")
        else:

            def pre_spawn_hook(self, spawner):
                calls.append("method")

        def post_stop_hook(self):
            calls.append("stopped")

        def auth_state_hook(self, auth_state):
            calls.append(auth_state)

        def progress_ready_hook(self, event):
            return {**event, "message": "own words"}

    hooks, server, spawner = await started(HookSpawner, pre_spawn_hook=lambda _: calls.append("function"))
    assert calls == [None, "function", "method"]
    assert "pre_spawn_hook" not in vars(spawner)
    assert [step.message async for step in hooks.hub_progress(server)][-1] == "own words"
    await hooks.hub_stop(server, now=False)
    assert calls[3:] == ["stopped"]


async def test_options_are_loaded_before_the_start_and_bad_ones_are_refused():
    class OptionsSpawner(CallbackSpawner):
        def options_from_form(self, formdata):
            return {**super().options_from_form(formdata), "more": True}

        def load_user_options(self, user_options):
            super().load_user_options(user_options)
            self.mem_limit = next(size for name, size in [("big", "4G")] if name == user_options["size"])

    hooks, server = hooks_of(OptionsSpawner), make_server("alice", options={"size": "big"})
    assert await hooks.hub_options_from_form(server, {"size": ["big"]}, linked=False) == {
        "size": ["big"],
        "more": True,
    }
    await hooks.hub_spawn(server)
    for options in ({"size": "huge"}, {}):
        with pytest.raises(SpawnFailed) as refused:
            await hooks.hub_spawn(make_server("alice", options=options))
        assert (refused.value.status, str(refused.value.message)) == (400, "the options are not valid")


async def test_the_deprecated_env_is_used_with_a_warning(caplog):
    class LegacySpawner(CallbackSpawner):
        env = {"OLD": 1, "PATH": "lost"}  # noqa: RUF012

    _, _, spawner = await started(LegacySpawner, env_keep=["PATH"])
    environment = spawner.get_env()
    assert (environment["OLD"], environment["PATH"] != "lost") == ("1", True)
    assert "LegacySpawner.env is deprecated (it sets OLD, PATH)" in caplog.text


async def test_facts_of_the_hub_and_the_user_as_the_tutorial_reads_them():
    at = datetime(2030, 1, 1, tzinfo=UTC)
    hooks, server = hooks_of(CallbackSpawner), make_server("alice")
    hub = replace(server, hub_api_url="http://127.0.0.1:8081/base/hub/api")
    spawner = await hooks._find(replace(hub, state={"number": 4, URL_KEY: "http://a:1"}, last_activity=at))
    assert (spawner.user.state, spawner.user.server.port, spawner.last_activity) == ({"number": 4}, 1, at)
    assert (spawner.hub.host, spawner.hub.server.base_url) == ("", "/base/hub/")
    assert (spawner.hub.server.ip, spawner.hub.server.port) == ("127.0.0.1", 8081)
    assert (await hooks._make(server)).last_activity.tzinfo is UTC


async def test_the_status_that_another_server_answered_is_not_the_status_of_the_start():
    class EngineError(OSError):
        status_code = 404

    class FailingSpawner(CallbackSpawner):
        async def start(self):
            raise EngineError("no such image")

    with pytest.raises(EngineError):
        await hooks_of(FailingSpawner).hub_spawn(make_server("alice"))


async def test_a_poll_that_cleans_up_after_a_starting_server_reports_its_end():
    class CleaningSpawner(CallbackSpawner):
        async def poll(self):
            if self.code is not None:
                await self.stop(now=True)
            return 7 if self.code == 3 else self.code

    hooks, server, spawner = await started(CleaningSpawner)
    spawner.code = 3
    assert await hooks.hub_poll(replace(server, starting=True)) == 7


class CountingSpawner(CallbackSpawner):
    """Counts how often the cache looks at an instance."""

    looks: ClassVar[list] = []

    @property
    def _callbacks(self):
        self.looks.append(self)
        return []

    @_callbacks.setter
    def _callbacks(self, value):
        pass


def test_a_full_cache_looks_at_few_instances_to_evict_one():
    cache = SpawnerCache(limit=300)
    for number in range(301):
        cache.keep(make_server(f"user{number}"), CountingSpawner())
    CountingSpawner.looks.clear()
    cache.keep(make_server("another"), CountingSpawner())
    assert len(cache) == 300
    assert len(CountingSpawner.looks) < 5
