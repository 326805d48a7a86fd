"""Usage of servers: measured once for many readers, with the scopes that reading a server needs."""

import asyncio
import json
from dataclasses import replace

import pytest

from plughub.kinds import Usage
from plughub.services.servers import usage as usage_module

from .test_metrics import read

MEMORY = 300_000_000
NOTHING = ("cpu", "cpu_limit", "memory", "memory_limit", "disk", "disk_limit", "measured")


async def usage_of(client, server="server"):
    answer = await client.get(f"/hub/api/users/alice/{server}/usage")
    assert answer.code == 200, answer.body
    return json.loads(answer.body)


@pytest.fixture
async def measured(hub, monkeypatch):
    """A hub with a running server of alice whose usage is known, and measured again at once."""
    monkeypatch.setattr(usage_module, "USAGE_BASE_SECONDS", 0.01)
    hub.tiny.usage = Usage(cpu=1.25, memory=MEMORY, memory_limit=2 * MEMORY, disk=7)
    await hub.running()
    return hub


async def test_the_usage_of_a_running_server_is_an_api_call(measured):
    found = await usage_of(await measured.program())

    assert (found["cpu"], found["memory"], found["memory_limit"]) == (1.25, MEMORY, 2 * MEMORY)
    assert (found["cpu_limit"], found["disk"]) == (None, 7)
    assert found["history"] == [{"at": found["measured"], "cpu": 1.25, "memory": MEMORY}]


async def test_many_readers_cost_one_reading(measured):
    alice = await measured.program()

    answers = await asyncio.gather(*(usage_of(alice, name) for name in ["server", "servers/"] * 10))

    assert measured.tiny.measured == 1
    assert len({answer["measured"] for answer in answers}) == 1


async def test_cores_are_computed_from_two_readings_of_a_cpu_time(measured):
    measured.services.usage.readings.seconds = 0
    alice = await measured.program()
    server = await measured.servers.get("alice", "")
    measured.tiny.usage = Usage(cpu_seconds=100.0)

    assert (await usage_of(alice))["cpu"] == 0
    assert measured.tiny.measured == 2, "the first reading has no earlier one"

    before = measured.services.usage.latest(server)
    measured.tiny.usage = Usage(cpu_seconds=103.0)
    after = await measured.services.usage.read(server)
    assert after.usage.cpu == pytest.approx(3 / (after.at - before.at))
    assert measured.tiny.measured == 3

    measured.tiny.usage = Usage(cpu_seconds=1.0)
    assert (await measured.services.usage.read(server, patient=False)).usage.cpu is None, (
        "a CPU time that has shrunk belongs to other processes"
    )


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0, True])
async def test_values_that_are_no_amounts_are_unknown(measured, wrong):
    measured.tiny.usage = replace(measured.tiny.usage, memory=wrong)

    found = await usage_of(await measured.program())

    assert (found["memory"], found["cpu"]) == (None, 1.25)


async def test_a_usage_with_a_field_of_a_wrong_type_is_unknown(measured):
    measured.tiny.usage = replace(measured.tiny.usage, memory="many")
    found = await usage_of(await measured.program())
    assert (found["memory"], found["cpu"]) == (None, None)


async def test_a_usage_that_cannot_be_measured_is_unknown(measured):
    measured.tiny.usage = RuntimeError("the engine does not answer")
    alice = await measured.program()

    for _ in range(2):
        found = await usage_of(alice)
        assert {found[name] for name in NOTHING} == {None}
        assert found["history"] == []
    assert measured.tiny.measured == 1, "a failed reading is not repeated at once either"


async def test_a_server_that_does_not_run_has_no_usage(measured):
    alice = await measured.program()
    await usage_of(alice)
    server = await measured.servers.get("alice", "")
    await measured.servers.wait(await measured.servers.stop(server), 20)

    found = await usage_of(alice)

    assert {found[name] for name in NOTHING} == {None}
    assert found["history"] == []
    assert (await alice.get("/hub/api/users/alice/servers/no-such/usage")).code == 404


async def test_a_server_of_another_machine_is_not_measured_here(measured):
    server = await measured.servers.get("alice", "")

    assert await measured.services.usage.read(replace(server, host="elsewhere")) is None
    assert measured.tiny.measured == 0


@pytest.mark.parametrize(
    ("scopes", "code"),
    [
        (["read:servers"], 200),
        (["read:servers!user=alice"], 200),
        (["read:servers!server=alice/"], 200),
        (["read:servers!user=bob"], 404),
        (["access:servers", "read:users:activity"], 403),
    ],
)
async def test_reading_the_usage_needs_the_scope_that_reads_the_server(measured, scopes, code):
    await measured.holder("bob", *scopes)
    bob = await measured.program("bob", *scopes)

    assert (await bob.get("/hub/api/users/alice/server/usage")).code == code


@pytest.mark.parametrize(("wanted", "named"), [("backend", False), ("server", True), ("none", False)])
async def test_metrics_sum_what_servers_use(make_hub, wanted, named):
    hub = await make_hub(server_usage_metrics=wanted)
    hub.tiny.usage = Usage(cpu=1.5, memory=MEMORY)
    await hub.running("alice")
    await hub.running("bob")
    await hub.services.usage_samples.sample("tiny")
    assert hub.tiny.measured == 0, "nothing is measured before the metrics are read"
    assert "jupyterhub_servers_measured" not in (await read(hub)).samples

    await hub.services.usage_samples.sample("tiny")
    found = await read(hub)

    assert found.value("servers_measured", plugin="tiny") == (0 if wanted == "none" else 2)
    assert found.value("servers_cpu_cores", plugin="tiny") == (0 if wanted == "none" else 3)
    assert found.value("servers_memory_bytes") == (0 if wanted == "none" else 2 * MEMORY)
    assert found.value("server_memory_bytes", user="bob", server="") == (MEMORY if named else 0)
    assert hub.tiny.measured == (0 if wanted == "none" else 2)

    server = await hub.servers.get("bob", "")
    await hub.servers.wait(await hub.servers.stop(server), 20)
    await hub.services.usage_samples.sample("tiny")
    found = await read(hub)
    assert found.value("servers_measured") == (0 if wanted == "none" else 1)
    assert found.value("server_memory_bytes", user="bob") == 0


async def test_one_process_measures_for_the_metrics(make_hub, tmp_path):
    url = f"sqlite:///{tmp_path}/shared.sqlite"
    first, second = await make_hub(url=url), await make_hub(url=url, hub_id="second")
    first.tiny.usage = second.tiny.usage = Usage(cpu=1.0)
    for hub in (first, second):
        await read(hub)
        await hub.services.usage_samples.sample("tiny")

    assert "jupyterhub_servers_measured" in (await read(first)).samples
    assert "jupyterhub_servers_measured" not in (await read(second)).samples
