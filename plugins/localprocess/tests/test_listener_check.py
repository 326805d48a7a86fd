"""A server is ready and has a route only while it listens at its address itself."""

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from plughub.errors import PluginError
from plughub.testing.conditions import until
from plughub.testing.contracts.spawner import NAME
from plughub.testing.foreign_processes import foreign_listener
from plughub_localprocess.exit_watch import watch_of


async def verified(spawner):
    return await until(spawner.verifies)


async def test_a_foreign_process_on_the_port_of_a_server_is_named(simple):
    spawner = simple("--deaf")
    endpoint = await spawner.start()
    assert not await spawner.verifies()
    with foreign_listener(port=int(endpoint.url.rpartition(":")[2])):
        assert await spawner.answers(), "that something answers says nothing"
        assert not await spawner.verifies()
        assert "is used by a process of user" in await spawner.diagnose()


async def test_another_servers_address_is_not_its_own(simple):
    one, two = simple(), simple(username="bob")
    await one.start()
    await two.start()
    await verified(one)
    await verified(two)
    crossed = replace(one.record, url=two.started.url)
    assert not await one.hooks.verify_address(NAME, crossed)
    assert await one.verifies(), "the recorded address holds again"


@pytest.mark.parametrize(
    "command",
    [
        ["/bin/sh", "-c", '"$@" & wait', "sh"],
        ["setsid", "--wait"],
        ["setsid", "--wait", "env", "-u", "PLUGHUB_OPERATION"],
    ],
    ids=["in its group", "by its marks", "by descent"],
)
async def test_a_server_may_listen_with_a_process_that_it_started(simple, probe_server, command):
    spawner = simple(cmd=[*command, *probe_server])
    await spawner.start()
    listening = (await spawner.facts())["pid"]
    spawner.new_hub()
    try:
        assert await spawner.verifies()
    finally:
        os.kill(listening, 9)  # this process left the group that a stop signals


async def test_a_server_on_all_addresses_is_its_own(simple):
    spawner = simple(ip="0.0.0.0")
    await spawner.start()
    await verified(spawner)


async def test_a_server_that_has_ended_does_not_listen(simple):
    spawner = simple()
    endpoint = await spawner.start()
    await verified(spawner)
    os.kill(endpoint.state["pid"], 9)
    await spawner.wait()
    with foreign_listener(port=int(endpoint.url.rpartition(":")[2])):
        assert not await spawner.verifies()


async def test_unreadable_descriptors_mean_unknown_when_servers_share_one_uid(simple, monkeypatch):
    def refuse(*_):
        raise PermissionError

    spawner = simple()
    await spawner.start()
    await verified(spawner)
    monkeypatch.setattr("plughub.classes.processes.listeners._sockets_of", refuse)
    with pytest.raises(PluginError, match="cannot be read"):
        await spawner.verifies()


@pytest.mark.root
async def test_the_users_uid_is_proof_when_descriptors_are_unreadable(system_user, local, monkeypatch):
    def refuse(*_):
        raise PermissionError

    spawner = local(system_user.pw_name)
    await spawner.start()
    await verified(spawner)
    monkeypatch.setattr("plughub.classes.processes.listeners._sockets_of", refuse)
    assert await spawner.verifies()
    with foreign_listener() as port:
        crossed = replace(spawner.record, url=f"http://127.0.0.1:{port}")
        assert not await spawner.hooks.verify_address(NAME, crossed)


async def test_ports_are_outside_the_range_that_the_system_assigns(simple):
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    port = int((await simple("--deaf").start()).url.rpartition(":")[2])
    assert not low <= port <= high
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_the_end_of_a_server_is_reported_at_once(simple):
    spawner, other = simple(), simple(username="bob")
    report = spawner.hooks.watch(NAME, spawner.server.mark)
    end = asyncio.create_task(anext(report))
    await until(_watches)
    for one in (spawner, other):
        await one.start()
        await one.poll()
        await one.poll()

    os.kill(other.started.state["pid"], 9)
    assert await asyncio.wait_for(end, 10) == other.server.operation
    assert await spawner.poll() is None

    end = asyncio.create_task(anext(report))
    os.kill(spawner.started.state["pid"], 9)
    assert await asyncio.wait_for(end, 10) == spawner.server.operation
    await report.aclose()


async def _watches():
    return watch_of(NAME)._loop is not None
