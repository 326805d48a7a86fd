"""The contract of spawners, for classes and functions alike.

A plugin's tests subclass `SpawnerContract` and provide a factory of the plugin. Each instance represents a
new process of the hub; all of them start `plughub.testing.probe_server`, with arguments that a test chooses::

    class TestContract(SpawnerContract):
        @pytest.fixture
        def make_plugin(self, tmp_path):
            def make(*arguments):
                return hooks_of(MySpawner, {"MySpawner": {"cmd": [*PROBE_SERVER, *arguments]}}, tmp_path)

            return make

For a spawner written as functions, `make_plugin` returns a function that makes the plugin object. A plugin
declares what it cannot do by overriding an attribute; the declared behaviour is then tested instead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from getpass import getuser
from typing import Final

import pytest

from plughub.domain.errors import PluginError
from plughub.plugin.threads import ThreadPools
from plughub.testing.contracts.spawner_under_test import (
    NAME,
    Make,
    SpawnerUnderTest,
    command_lines,
    make_server,
)
from plughub.testing.foreign_processes import foreign_listener

RestartBackend = Callable[[SpawnerUnderTest], Awaitable[None]]
"""Restarts what runs a server, such as a container engine, under the running server."""

UNKNOWN_USER: Final = "nobody-has-this-name"
LEAST_MEMORY: Final = 1_000_000
"""Bytes of memory that any Python process uses."""
STILL_THERE: Final = "hub_stop must wait for the end of the server; hub_poll then returns its exit code"

__all__ = [
    "NAME",
    "Make",
    "MovingServersContract",
    "RestartBackend",
    "SpawnerContract",
    "SpawnerUnderTest",
    "make_server",
]


class SpawnerContract:
    """All tests. A plugin overrides `make_plugin` and, if necessary, `username` and the attributes.

    Attributes:
        refuses_unknown_users: users without a system account cannot start a server.
        keeps_logs: the output of a server can be read.
        lists_what_runs: `hub_inventory` lists what was launched.
        knows_exit_codes: `hub_poll` returns the exit code of a server.
        measures_usage: `hub_usage` reports the memory and the CPU time of a server.
        trusts_addresses: the reason why no other process can listen at a server's address, such as a network
            of its own, so that `hub_verify_address` is not needed; empty for a spawner that verifies.
    """

    refuses_unknown_users: bool = True
    keeps_logs: bool = True
    lists_what_runs: bool = True
    knows_exit_codes: bool = True
    measures_usage: bool = False
    trusts_addresses: str = ""

    @pytest.fixture
    def make_plugin(self) -> Make:
        """Return the factory of the plugin; to be overridden."""
        raise NotImplementedError

    @pytest.fixture
    def username(self) -> str:
        """A user who can start a server."""
        return getuser()

    @pytest.fixture
    def pools(self) -> Iterator[ThreadPools]:
        """Threads for plain functions."""
        pools = ThreadPools()
        yield pools
        pools.close()

    @pytest.fixture
    async def spawner(
        self, make_plugin: Make, username: str, pools: ThreadPools
    ) -> AsyncIterator[SpawnerUnderTest]:
        """A spawner with a server that has not been started; the fixture stops it."""
        tested = SpawnerUnderTest(make_plugin, make_server(username), pools)
        yield tested
        await tested.stop(now=True)

    async def test_a_server_answers_between_start_and_stop(self, spawner: SpawnerUnderTest) -> None:
        await spawner.start()

        assert await spawner.poll() is None
        await spawner.facts()
        assert await spawner.poll() is None

        await spawner.stop()

        assert isinstance(await spawner.poll(), int)
        assert not await spawner.answers()

    async def test_a_server_that_never_started_does_not_run(self, spawner: SpawnerUnderTest) -> None:
        assert isinstance(await spawner.poll(), int)

    async def test_stopping_what_never_started_is_no_error(self, spawner: SpawnerUnderTest) -> None:
        await spawner.stop()

    @pytest.mark.parametrize("now", [False, True], ids=["gently", "at once"])
    async def test_stopping_twice_is_no_error(self, spawner: SpawnerUnderTest, *, now: bool) -> None:
        await spawner.start()
        await spawner.facts()

        await spawner.stop(now=now)
        await spawner.stop(now=now)

        assert isinstance(await spawner.poll(), int), STILL_THERE

    async def test_a_server_that_ends_by_itself_is_noticed(self, spawner: SpawnerUnderTest) -> None:
        spawner.new_hub("--exit=3")
        await spawner.start()

        assert await spawner.wait() == (3 if self.knows_exit_codes else 0)

    async def test_another_hub_process_goes_on_with_a_running_server(self, spawner: SpawnerUnderTest) -> None:
        await spawner.start()
        before = await spawner.facts()

        spawner.new_hub()

        assert await spawner.poll() is None
        assert (await spawner.facts())["pid"] == before["pid"]
        usage = await spawner.usage()
        if self.measures_usage:
            assert usage is not None, "hub_usage returned None for a running server"
            assert (usage.memory or 0) > LEAST_MEMORY
            assert usage.cpu or usage.cpu_seconds
        await spawner.stop()
        assert isinstance(await spawner.poll(), int), STILL_THERE
        assert not await spawner.answers()
        assert await spawner.usage() is None, "a stopped server uses nothing"

    async def test_another_hub_process_notices_an_end(self, spawner: SpawnerUnderTest) -> None:
        await spawner.start()
        await spawner.facts()
        other = replace(spawner)
        other.new_hub()
        assert await other.poll() is None

        await spawner.stop()

        assert isinstance(await other.poll(), int), STILL_THERE

    async def test_a_server_can_be_started_again(self, spawner: SpawnerUnderTest) -> None:
        await spawner.start()
        first = await spawner.facts()
        await spawner.stop()
        again = make_server(spawner.server.user.name, mark=spawner.server.mark)
        spawner.server = again

        await spawner.start()

        assert (await spawner.facts())["environment"]["PLUGHUB_OPERATION"] == again.operation
        assert again.operation != first["environment"]["PLUGHUB_OPERATION"]

    async def test_the_server_has_the_environment_of_the_protocol(self, spawner: SpawnerUnderTest) -> None:
        endpoint = await spawner.start()
        server = spawner.server

        environment = (await spawner.facts())["environment"]

        assert environment.items() >= server.environment.items()
        assert environment.items() >= server.launch_marks.items()
        assert environment["JUPYTERHUB_SERVICE_URL"].endswith(server.prefix)
        assert endpoint.url.count("/") == 2, "an address has no path"

    async def test_the_token_is_in_no_command_line(self, spawner: SpawnerUnderTest) -> None:
        await spawner.start()
        await spawner.facts()

        assert not [line for line in command_lines() if spawner.token in line]

    async def test_the_token_is_not_in_the_state(self, spawner: SpawnerUnderTest) -> None:
        endpoint = await spawner.start()

        assert spawner.token not in json.dumps(dict(endpoint.state))

    async def test_two_servers_of_one_user_are_kept_apart(
        self, spawner: SpawnerUnderTest, pools: ThreadPools
    ) -> None:
        named = make_server(spawner.server.user.name, "second", mark=spawner.server.mark)
        second = SpawnerUnderTest(spawner.make, named, pools)
        try:
            await asyncio.gather(spawner.start(), second.start())
            await asyncio.gather(spawner.facts(), second.facts())

            await spawner.stop()

            assert await second.poll() is None
            assert (await second.facts())["environment"]["JUPYTERHUB_SERVER_NAME"] == "second"
        finally:
            await second.stop(now=True)

    async def test_a_server_that_stays_where_it_is_is_not_reported_as_moved(
        self, spawner: SpawnerUnderTest
    ) -> None:
        endpoint = await spawner.start()
        await spawner.facts()
        assert spawner.record.url == endpoint.url

        spawner.new_hub()

        assert await spawner.poll() is None
        assert await spawner.verifies()

    async def test_a_foreign_process_is_not_taken_for_the_server(self, spawner: SpawnerUnderTest) -> None:
        await spawner.start()
        await spawner.facts()
        if self.trusts_addresses:
            return
        assert await spawner.verifies()

        with foreign_listener() as port:
            spawner.server = replace(spawner.server, url=f"http://127.0.0.1:{port}")
            assert not await spawner.verifies()
            spawner.new_hub()
            assert not await spawner.verifies()

        spawner.server = replace(spawner.server, url=spawner.started.url)
        assert await spawner.verifies()

    async def test_what_was_launched_but_not_recorded_is_found(self, spawner: SpawnerUnderTest) -> None:
        endpoint = await spawner.start()
        server = spawner.server
        await spawner.facts()
        spawner.new_hub()

        if not self.lists_what_runs:
            assert await spawner.hooks.inventory(NAME, server.mark) is None
            return
        found = (await spawner.inventory())[server.operation]

        assert (found.user, found.server, found.url) == (server.user.name, server.name, endpoint.url)
        spawner.server = replace(server, state=json.loads(json.dumps(dict(found.state))))
        assert await spawner.poll() is None
        await spawner.stop()
        assert not await spawner.answers()
        assert server.operation not in await spawner.inventory()

    async def test_the_servers_of_another_hub_are_not_listed(self, spawner: SpawnerUnderTest) -> None:
        await spawner.start()
        await spawner.facts()
        operation = spawner.server.operation

        foreign = await spawner.hooks.inventory(NAME, "mark-of-another-hub")

        assert operation not in {found.operation for found in foreign or ()}

    async def test_what_a_server_wrote_can_be_read(self, spawner: SpawnerUnderTest) -> None:
        spawner.new_hub("--writes=200")
        await spawner.start()
        await spawner.facts()
        spawner.new_hub()

        lines = await spawner.logs(500)

        if not self.keeps_logs:
            assert not lines
            return
        assert [line for line in lines if line.startswith("line ")] == [f"line {n}" for n in range(200)]
        assert list(await spawner.logs(5)) == list(lines[-5:])
        assert not await spawner.logs(0)

    async def test_what_a_dead_server_wrote_can_be_read(self, spawner: SpawnerUnderTest) -> None:
        spawner.new_hub("--writes=3", "--exit=1")
        await spawner.start()
        await spawner.wait()

        assert (await spawner.logs())[-1:] == (("line 2",) if self.keeps_logs else ())

    async def test_a_user_whom_the_system_does_not_know_reads_that(self, spawner: SpawnerUnderTest) -> None:
        spawner.server = make_server(UNKNOWN_USER)
        if not self.refuses_unknown_users:
            await spawner.start()
            assert (await spawner.facts())["environment"]["JUPYTERHUB_USER"] == UNKNOWN_USER
            return

        with pytest.raises(PluginError, match=UNKNOWN_USER):
            await spawner.start()

        assert isinstance(await spawner.poll(), int)
        await spawner.stop()


class MovingServersContract:
    """Further tests for a spawner whose servers survive a restart of their backend. Mix it into the contract.

    ::

        class TestMoving(MovingServersContract, SpawnerContract):
            @pytest.fixture
            def restart_backend(self):
                async def restart(spawner): ...

                return restart
    """

    @pytest.fixture
    def restart_backend(self) -> RestartBackend:
        """Return a function that restarts the backend, preferably with new addresses; to be overridden."""
        raise NotImplementedError

    async def test_a_server_is_found_where_it_is_after_a_restart_of_its_backend(
        self, spawner: SpawnerUnderTest, restart_backend: RestartBackend
    ) -> None:
        await spawner.start()
        own_operation = (await spawner.facts())["environment"]["PLUGHUB_OPERATION"]

        await restart_backend(spawner)
        await spawner.follow()

        assert (await spawner.facts())["environment"]["PLUGHUB_OPERATION"] == own_operation
        assert await spawner.verifies()
        assert await spawner.poll() is None, "a server that has not moved again keeps its address"

    async def test_two_servers_never_change_places_in_a_restart(
        self, spawner: SpawnerUnderTest, pools: ThreadPools, restart_backend: RestartBackend
    ) -> None:
        named = make_server(spawner.server.user.name, "second", mark=spawner.server.mark)
        second = SpawnerUnderTest(spawner.make, named, pools)
        try:
            for one in (spawner, second):
                await one.start()
                await one.facts()

            await restart_backend(spawner)

            for one in (spawner, second):
                await one.follow()
                environment = (await one.facts())["environment"]
                assert environment["PLUGHUB_OPERATION"] == one.server.operation
        finally:
            await second.stop(now=True)
