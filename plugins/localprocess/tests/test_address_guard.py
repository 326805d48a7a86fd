"""Servers that are watched: their ends and other listeners at their addresses are reported, without polls."""

import asyncio
import os
import socket

import pytest

from plughub.kinds import Watched
from plughub.processes import ProcessIdentity
from plughub.testing.conditions import reading, until
from plughub.testing.contracts.spawner import NAME
from plughub_localprocess.address_guard import AddressGuard, GuardedServer, sockets_at
from plughub_localprocess.exit_watch import ExitWatch, watch_of
from plughub_localprocess.logfile import LogFile
from plughub_localprocess.simple_spawner import SimpleLocalProcessSpawner


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


async def eventually(holds):
    async def look():
        return holds()

    await until(look)


def url_of(server):
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def guarded(server, log=None):
    return GuardedServer("its start", url_of(server), sockets_at(url_of(server)), log)


def relisten(server):
    """Listen at the address of a server with another socket."""
    port = server.getsockname()[1]
    server.close()
    return socket.create_server(("127.0.0.1", port))


def test_another_socket_at_the_address_is_found_once(listener):
    guard, me = AddressGuard(), ProcessIdentity.of(os.getpid())
    guard.add(me, guarded(listener))
    assert guard.check() == []
    assert me in guard
    with relisten(listener):
        assert guard.check() == ["its start"]
        assert me not in guard
        assert guard.check() == []


def test_a_second_socket_beside_that_of_the_server_is_found():
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as first:
        guard = AddressGuard()
        guard.add(ProcessIdentity.of(os.getpid()), guarded(first))
        with socket.create_server(first.getsockname(), reuse_port=True):
            assert guard.check() == ["its start"]


def test_the_logs_of_guarded_servers_are_kept_short(listener, tmp_path):
    log = LogFile(tmp_path / "log", 100)
    guard = AddressGuard()
    guard.add(ProcessIdentity.of(os.getpid()), guarded(listener, log))
    log.path.write_text("line\n" * 100)
    guard.check()
    assert log.path.stat().st_size <= 100


async def test_a_taken_address_is_reported_while_the_process_runs(listener):
    watch, me = ExitWatch(), ProcessIdentity.of(os.getpid())
    async with reading(watch.ended()) as reports:
        await eventually(lambda: watch._loop)
        watch.add(me, "its start")
        await eventually(lambda: me in watch._watched)
        watch.guard(me, guarded(listener), 0.02)
        assert watch.reports(me)
        with relisten(listener):
            assert await asyncio.wait_for(reports.get(), 10) == "its start"
        assert not watch.reports(me)


async def test_a_server_that_was_polled_and_verified_is_watched_until_nobody_reads(simple):
    spawner = simple()
    async with reading(spawner.hooks.watch(NAME, spawner.server.mark)):
        await eventually(lambda: watch_of(NAME)._loop)
        await spawner.start()
        assert await spawner.hooks.poll_watched(NAME, spawner.record) is None, "not verified yet"

        async def is_watched():
            assert await spawner.poll() is None
            await spawner.verifies()
            return isinstance(await spawner.hooks.poll_watched(NAME, spawner.record), Watched)

        await until(is_watched)
    assert await spawner.hooks.poll_watched(NAME, spawner.record) is None


async def test_a_class_with_polls_of_its_own_is_not_watched(listener):
    class Own(SimpleLocalProcessSpawner):
        async def poll(self):
            return await super().poll()

    watch, me = watch_of("guarded"), ProcessIdentity.of(os.getpid())
    async with reading(watch.ended()):
        await eventually(lambda: watch._loop)
        watch.add(me, "its start")
        await eventually(lambda: me in watch._watched)
        watch.guard(me, guarded(listener), 60)
        here = {"plugin": "guarded", "pid": me.pid, "started": me.started}
        assert [Own(**here).is_watched, SimpleLocalProcessSpawner(**here).is_watched] == [False, True]
