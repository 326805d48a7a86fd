"""Stop, rename and deletion of servers in a spawner class, and calls of the user's authenticator."""

from dataclasses import replace
from typing import ClassVar

import pytest

from plughub.auth import Authenticator
from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.kinds import Moved, Resumable
from plughub.spawner import Spawner
from plughub.testing.contracts.spawner import make_server

SECRETS = {"token": "s3cret"}


class ResumableSpawner(Spawner):
    """Servers that are kept when they stop, like a container that is not removed."""

    calls: ClassVar[list] = []
    container = ""

    @property
    def will_resume(self):
        return bool(self.container)

    async def start(self):
        type(self).calls.append(("start", self.container, dict(self.environment)))
        self.api_token = "of-old" if self.container else self.api_token
        self.container = "abc"
        return "127.0.0.1", 5000

    async def stop(self, now=False):
        type(self).calls.append(("stop", self.user.auth_state))

    async def poll(self):
        return None

    def get_state(self):
        return {**super().get_state(), "container": self.container}

    def load_state(self, state):
        super().load_state(state)
        self.container = state.get("container", "")

    def rename(self, old_name, new_name):
        type(self).calls.append(("rename", old_name, new_name, self.container))

    async def delete_forever(self):
        type(self).calls.append(("delete", self.name))


class TokenAuthenticator(Authenticator):
    """Passes a token to servers, as authenticators for JupyterHub do."""

    async def pre_spawn_start(self, user, spawner):
        state = await user.get_auth_state()
        if state:
            spawner.environment = {**spawner.environment, "UPSTREAM_TOKEN": state["token"]}

    def post_spawn_stop(self, user, spawner):
        ResumableSpawner.calls.append(("after stop", user.name, spawner.name))


@pytest.fixture
def hooks():
    ResumableSpawner.calls.clear()
    return SpawnerHooks("kept", ResumableSpawner, authenticators={"attentive": TokenAuthenticator()})


def server_of(operation, state=None, secrets=SECRETS):
    server = make_server("ada", operation=operation, state=state or {})
    return replace(server, user=replace(server.user, plugin="attentive", auth_state=secrets))


async def test_a_spawner_that_will_resume_returns_the_state_to_keep(hooks):
    server = server_of("one")
    endpoint = await hooks.hub_spawn(server)
    assert endpoint.api_token is None
    left = await hooks.hub_stop(replace(server, state=endpoint.state), now=False)
    assert left == Resumable(state={"container": "abc"})
    again = await hooks.hub_spawn(server_of("two", left.state))
    assert again.api_token == "of-old"


async def test_a_spawner_that_does_not_resume_keeps_no_state(hooks):
    server = server_of("one")
    endpoint = await hooks.hub_spawn(server)
    hooks.spawner_class = type("Fresh", (ResumableSpawner,), {"will_resume": False})
    fresh = SpawnerHooks("fresh", hooks.spawner_class)
    assert await fresh.hub_stop(replace(server, state=endpoint.state), now=False) is None


async def test_the_users_authenticator_is_called_before_a_start_and_after_a_stop(hooks):
    server = server_of("one")
    endpoint = await hooks.hub_spawn(server)
    renewed = {"token": "renewed"}
    later = server_of("one", endpoint.state, renewed)
    await hooks.hub_stop(later, now=False)
    assert ResumableSpawner.calls == [
        ("start", "", {"UPSTREAM_TOKEN": "s3cret"}),
        ("stop", renewed),
        ("after stop", server.user.name, server.name),
    ]


async def test_a_failing_authenticator_fails_the_start_but_not_the_stop(hooks):
    class BrokenAuthenticator(Authenticator):
        def pre_spawn_start(self, user, spawner):
            raise OSError("no session")

        def post_spawn_stop(self, user, spawner):
            raise OSError("no session")

    broken = SpawnerHooks("kept", ResumableSpawner, authenticators={"attentive": BrokenAuthenticator()})
    with pytest.raises(OSError, match="no session"):
        await broken.hub_spawn(server_of("one"))
    await broken.hub_stop(server_of("one"), now=True)


async def test_no_authenticator_is_called_for_users_of_other_plugins(hooks):
    server = server_of("one")
    await hooks.hub_spawn(replace(server, user=replace(server.user, plugin="elsewhere")))
    assert ResumableSpawner.calls == [("start", "", {})]


async def test_renaming_and_deleting_reach_the_class_with_the_saved_state(hooks):
    server = replace(server_of("", {"container": "abc"}), name="lab")
    await hooks.hub_rename_server(server, "hall")
    await hooks.hub_delete_server(server)
    assert ResumableSpawner.calls == [("rename", "lab", "hall", "abc"), ("delete", "lab")]


async def test_a_plain_spawner_has_nothing_to_rename_or_delete():
    hooks = SpawnerHooks("plain", Spawner)
    assert await hooks.hub_rename_server(server_of(""), "hall") is None
    assert await hooks.hub_delete_server(server_of("")) is None


class CarefulSpawner(Spawner):
    """Spawner whose ``stop`` fails for a server that has ended, like one that was written for JupyterHub."""

    polls_before_stop = True
    answer: ClassVar[object] = None
    stopped: ClassVar[list] = []

    async def poll(self):
        if self.answer == "restart":
            await self.start()
        if self.answer == "clean up":
            await self.stop(now=True)
            return 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def stop(self, now=False):
        assert self.answer != 3, "stopped again"
        self.stopped.append(self.name)


@pytest.mark.parametrize(
    ("answer", "stops"), [(None, 1), (3, 0), (Moved(url=""), 1), ("restart", 1), ("clean up", 1)], ids=str
)
async def test_a_spawner_can_be_polled_before_a_stop(answer, stops):
    found = type("Found", (CarefulSpawner,), {"answer": answer, "stopped": []})
    await SpawnerHooks("careful", found).hub_stop(server_of("one"), now=False)
    assert len(found.stopped) == stops  # type: ignore[attr-defined]


async def test_a_server_is_not_stopped_while_its_poll_fails():
    found = type("Found", (CarefulSpawner,), {"answer": OSError("no answer"), "stopped": []})
    with pytest.raises(OSError, match="no answer"):
        await SpawnerHooks("careful", found).hub_stop(server_of("one"), now=False)
    assert found.stopped == []  # type: ignore[attr-defined]


async def test_a_poll_that_cleared_the_state_by_mistake_does_not_lose_the_server():
    class ForgetfulSpawner(Spawner):
        polls_before_stop = True
        job = "7"
        ended: ClassVar[list] = []

        def load_state(self, state):
            self.job = state["job"]

        def get_state(self):
            return {"job": self.job} if self.job else {}

        async def poll(self):
            job, self.job = self.job, ""
            return 1 if job == "7" else None

        async def stop(self, now=False):
            self.ended.append(self.job)

    hooks = SpawnerHooks("forgetful", ForgetfulSpawner)
    server = server_of("one", {"job": "7"})
    assert await hooks.hub_poll(server) == 1
    ForgetfulSpawner.poll = lambda self: None
    await hooks.hub_stop(server, now=False)
    assert ForgetfulSpawner.ended == ["7"]
