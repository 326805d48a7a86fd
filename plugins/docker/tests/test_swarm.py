"""Services on a swarm of one node: the contract, and every setting."""

import asyncio
import contextlib
from dataclasses import replace

import docker
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.errors import PluginError
from plughub.testing.conditions import until
from plughub.testing.contracts.spawner import NAME, SpawnerContract, SpawnerUnderTest, make_server
from plughub.threads import ThreadPools
from plughub_docker.swarm_settings import short_name
from plughub_docker.swarm_spawner import SwarmSpawner

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


def hooks(tmp_path, **settings):
    return SpawnerHooks(NAME, SwarmSpawner, Config({"SwarmSpawner": settings}), tmp_path)


class TestServices(SpawnerContract):
    measures_usage = True
    refuses_unknown_users = False
    trusts_addresses = "ports are published by the engine, networks are its own"

    @pytest.fixture
    def username(self):
        return "alice b@example.org"

    @pytest.fixture
    def make_plugin(self, tmp_path, swarm_prefix, tiny_image, probe):
        def make(*arguments):
            return hooks(tmp_path, image=tiny_image, cmd=[*probe, *arguments], prefix=swarm_prefix)

        return make


@pytest.fixture
async def spawners(tmp_path, swarm_prefix, tiny_image, probe):
    """Factory of spawners with settings."""
    pools = ThreadPools()

    def make(*arguments, server=None, username="alice", **settings):
        def plugin(*more):
            chosen = {"image": tiny_image, "cmd": [*probe, *arguments, *more], "prefix": swarm_prefix}
            return hooks(tmp_path, **{**chosen, **settings})

        return SpawnerUnderTest(plugin, server or make_server(username), pools)

    yield make
    pools.close()


@pytest.fixture
def started(swarm, spawners):
    """Start a server with settings and return its service and its task."""

    async def go(*arguments, **settings):
        spawner = spawners(*arguments, **settings)
        endpoint = await spawner.start()
        service = swarm.inspect_service(endpoint.state["object_id"])
        return spawner, service, task_of(swarm, service)

    return go


async def test_braces_are_the_swarms_own_or_stay_as_they_are(started, swarm):
    env = {"NODE": "{{.Node.Hostname}}", "RULE": "{{username}}:${PORT}:{username}"}
    spawner, _, _ = await started(extra_container_spec={"env": env})
    environment = (await spawner.facts())["environment"]
    assert environment["NODE"] == swarm.info()["Name"]
    await spawner.stop(now=True)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("extra_placement_spec", {"constraints": ["nonsense"]}),
        ("extra_resources_spec", {"mem_limit": 1000}),
    ],
)
async def test_a_refusal_of_the_swarm_names_the_setting(spawners, setting, value):
    spawner = spawners(**{setting: value})
    with pytest.raises(PluginError, match=f"SwarmSpawner.{setting}") as caught:
        await spawner.start()
    assert "cannot be reached" not in str(caught.value)
    await spawner.stop(now=True)


def task_of(swarm, service):
    (task,) = swarm.tasks(filters={"service": service["ID"]})
    return task


async def test_a_service_runs_one_task_that_the_swarm_never_starts_again(started, swarm_prefix):
    spawner, service, task = await started()
    spec = service["Spec"]
    assert spec["Name"] == f"{swarm_prefix}-alice"
    assert spec["TaskTemplate"]["RestartPolicy"]["Condition"] == "none"
    assert spawner.server.state["object_id"] == service["ID"]
    published = task["Status"]["PortStatus"]["Ports"][0]["PublishedPort"]
    assert spawner.started.url == f"http://127.0.0.1:{published}"


async def test_a_published_port_is_reached_at_the_address_that_is_set(started):
    spawner, _, _ = await started(host_ip="localhost", pull_policy="never")
    assert spawner.started.url.startswith("http://localhost:")
    assert await spawner.facts()
    assert (await spawner.inventory())[spawner.server.operation].url == spawner.started.url


async def test_service_and_container_carry_the_marks_and_no_token(started, swarm):
    spawner, service, task = await started()
    container = swarm.inspect_container(task["Status"]["ContainerStatus"]["ContainerID"])
    for labels in (service["Spec"]["Labels"], container["Config"]["Labels"]):
        assert labels["plughub.user"] == "alice"
        assert labels["plughub.operation"] == spawner.server.operation
        assert spawner.token not in str(labels)
    assert spawner.token not in str(service["Spec"]["TaskTemplate"]["ContainerSpec"]["Args"])


async def test_limits_guarantees_and_further_resources_reach_the_swarm(started):
    _, service, _ = await started(
        mem_limit="64M",
        mem_guarantee="32M",
        cpu_limit=0.5,
        cpu_guarantee=0.25,
        extra_resources_spec=lambda spawner: {"cpu_limit": 400_000_000},
    )
    resources = service["Spec"]["TaskTemplate"]["Resources"]
    assert resources["Limits"] == {"NanoCPUs": 400_000_000, "MemoryBytes": 64 << 20}
    assert resources["Reservations"] == {"NanoCPUs": 250_000_000, "MemoryBytes": 32 << 20}


async def test_additional_arguments_are_merged_and_filled_in(started):
    spawner, service, task = await started(
        extra_container_spec={"hostname": "{username}-lab", "labels": {"team": "{username}s"}},
        extra_placement_spec={"constraints": ["node.role==manager"]},
        extra_task_spec={"force_update": 7},
        extra_endpoint_spec=lambda spawner: {"mode": "dnsrr"},
    )
    template = service["Spec"]["TaskTemplate"]
    assert template["ContainerSpec"]["Hostname"] == "alice-lab"
    assert template["ContainerSpec"]["Labels"]["team"] == "alices"
    assert template["ContainerSpec"]["Labels"]["plughub.operation"] == spawner.server.operation
    assert task["Spec"]["Placement"]["Constraints"] == ["node.role==manager"]
    assert template["ForceUpdate"] == 7
    assert service["Spec"]["EndpointSpec"]["Mode"] == "dnsrr"


async def test_volumes_folders_and_mounts_are_those_of_the_service(started, swarm, swarm_prefix, tmp_path):
    (tmp_path / "alice").mkdir()
    _, _, task = await started(
        volumes={f"{swarm_prefix}-{{username}}": "/work/{username}"},
        volume_driver="local",
        volume_driver_options={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"},
        read_only_volumes={f"{tmp_path}/{{username}}": "/data"},
        mounts=[{"target": "/scratch", "source": "", "type": "tmpfs"}],
    )
    container = swarm.inspect_container(task["Status"]["ContainerStatus"]["ContainerID"])
    mounts = {mount["Destination"]: mount for mount in container["Mounts"]}
    assert (mounts["/work/alice"]["Name"], mounts["/work/alice"]["RW"]) == (f"{swarm_prefix}-alice", True)
    assert (mounts["/data"]["Source"], mounts["/data"]["RW"]) == (f"{tmp_path}/alice", False)
    assert "/scratch" in {mount["Target"] for mount in container["HostConfig"]["Mounts"]}
    assert swarm.inspect_volume(f"{swarm_prefix}-alice")["Options"]["type"] == "tmpfs"


async def test_a_server_is_found_at_the_task_that_replaced_another(started, swarm):
    spawner, service, task = await started(stop_timeout=1)
    await spawner.facts()
    before, spec = spawner.server.url, service["Spec"]
    template = {**spec["TaskTemplate"], "ForceUpdate": 1}
    known = {"name": spec["Name"], "labels": spec["Labels"], "endpoint_spec": spec["EndpointSpec"]}
    swarm.update_service(service["ID"], service["Version"]["Index"], task_template=template, **known)
    await until(lambda: asyncio.to_thread(newer, swarm, service, task))
    await spawner.follow()
    assert (await spawner.facts())["environment"]["PLUGHUB_OPERATION"] == spawner.server.operation
    assert spawner.server.url != before
    assert await spawner.verifies()


def newer(swarm, service, task):
    """Return whether a later task of a service runs."""
    found = swarm.tasks(filters={"service": service["ID"], "desired-state": "running"})
    return any(one["ID"] != task["ID"] and one["Status"]["State"] == "running" for one in found)


async def test_in_an_internal_network_a_server_is_reached_by_its_name_alone(
    started, swarm, swarm_prefix, tiny_image, probe
):
    network = swarm.create_network(swarm_prefix, driver="overlay", internal=True, attachable=True)["Id"]
    other = f"{swarm_prefix}-other"
    try:
        spawner, service, task = await started(network_name=swarm_prefix)
        assert spawner.started.url == f"http://{swarm_prefix}-alice:8888"
        assert "Ports" not in service["Spec"]["EndpointSpec"]
        assert task["Status"].get("PortStatus") in (None, {})
        assert (await spawner.inventory())[spawner.server.operation].url == spawner.started.url
        assert await spawner.verifies()

        # The same name resolves to the address of another task.
        present = spawner.server.state["address"]
        spawner.server = replace(spawner.server, state={**spawner.server.state, "address": "192.0.2.1"})
        spawner.new_hub()
        assert not await spawner.verifies()
        assert (await spawner.poll()).url == "", "each proxy forgets what the name stood for"
        await spawner.follow()
        assert (spawner.server.url, spawner.server.state["address"]) == (spawner.started.url, present)

        attached = swarm.create_networking_config({swarm_prefix: swarm.create_endpoint_config()})
        swarm.create_container(tiny_image, [*probe, "--deaf"], name=other, networking_config=attached)
        swarm.start(other)
        ask = f"import urllib.request as r; print(r.urlopen({spawner.started.url!r}, timeout=5).status)"
        code = await until(lambda: asyncio.to_thread(run_inside, swarm, other, [probe[0], "-c", ask]))
        assert code == b"200\n"
        await spawner.stop(now=True)
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            swarm.remove_container(other, force=True)
        for service in swarm.services(filters={"name": swarm_prefix}):
            swarm.remove_service(service["ID"])
        await until(lambda: asyncio.to_thread(removed, swarm, network))


def run_inside(engine, container, command):
    made = engine.exec_create(container, command)
    wrote = engine.exec_start(made["Id"])
    return wrote if engine.exec_inspect(made["Id"])["ExitCode"] == 0 else b""


def removed(engine, network):
    """Remove a network; its last container leaves it a moment after its end."""
    try:
        engine.remove_network(network)
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError:
        return False
    return True


async def test_a_start_without_a_suitable_node_reports_the_reason(spawners):
    spawner = spawners(pending_timeout=1, extra_placement_spec={"constraints": ["node.labels.gpu==yes"]})
    why = r"no node of the swarm accepts the task: no suitable node.*\(waited 1 s, SwarmSpawner\.pending_timeout\)"
    with pytest.raises(PluginError, match=why):
        await spawner.start()
    said = [step.message async for step in spawner.hooks.progress(NAME, spawner.record)]
    assert any("Waiting for a node" in line for line in said)
    await spawner.stop()
    assert await spawner.inventory() == {}


async def test_insufficient_resources_for_the_guarantee_are_reported(spawners):
    spawner = spawners(pending_timeout=1, mem_guarantee="900T")
    with pytest.raises(PluginError, match="insufficient resources"):
        await spawner.start()


async def test_an_image_that_no_node_has_is_named_with_the_node(spawners, swarm):
    name = swarm.info()["Name"]
    with pytest.raises(
        PluginError, match=f"a machine refused the server: node {name}: No such image: plughub-none:1"
    ):
        await spawners(image="plughub-none:1").start()


async def test_an_image_that_the_manager_lacks_and_may_not_pull_creates_no_service(
    spawners, swarm, swarm_prefix
):
    with pytest.raises(PluginError, match=r"SwarmSpawner\.pull_policy is 'never'"):
        await spawners(image="plughub-none:1", pull_policy="never").start()
    assert swarm.services(filters={"name": swarm_prefix}) == []


async def test_a_server_over_its_memory_limit_is_reported_as_out_of_memory(spawners, probe):
    spawner = spawners(cmd=[probe[0], "-c", "x = [bytearray(1 << 20) for _ in range(500)]"], mem_limit="48M")
    await spawner.start()
    assert await spawner.wait() == 137
    assert "out of memory: the server was killed at its limit of 48 MB" in await spawner.diagnose()


async def test_the_end_of_a_server_is_reported_with_its_node(spawners, swarm):
    spawner = spawners("--exit=3")
    await spawner.start()
    assert await spawner.wait() == 3
    assert await spawner.diagnose() == f"on node {swarm.info()['Name']}: task: non-zero exit (3)"


async def test_a_taken_name_is_reported_and_the_other_service_is_left_alone(started, spawners):
    first, _, _ = await started(name_template="{prefix}-all")
    other = spawners(server=make_server("bob", mark=first.server.mark), name_template="{prefix}-all")
    with pytest.raises(PluginError, match="is already used"):
        await other.start()
    await other.stop()
    assert await first.poll() is None


async def test_the_service_of_an_earlier_start_is_removed(started, spawners, swarm):
    first, _, _ = await started()
    second = spawners(server=make_server("alice", mark=first.server.mark))
    await second.start()
    assert (await second.facts())["environment"]["PLUGHUB_OPERATION"] == second.server.operation
    assert await first.poll() == 0
    await first.stop(now=True)
    assert await second.poll() is None


async def test_a_service_that_is_removed_by_hand_is_noticed(started, swarm):
    spawner, service, _ = await started()
    swarm.remove_service(service["ID"])
    assert await spawner.poll() == 0
    assert await spawner.diagnose() == "the service is gone: it was removed, but not by the hub"


async def test_a_server_whose_node_is_drained_has_ended(started, swarm):
    spawner, _, task = await started()
    node = swarm.inspect_node(task["NodeID"])
    try:
        swarm.update_node(node["ID"], node["Version"]["Index"], {**node["Spec"], "Availability": "drain"})
        assert isinstance(await spawner.wait(), int)
    finally:
        node = swarm.inspect_node(node["ID"])
        swarm.update_node(node["ID"], node["Version"]["Index"], {**node["Spec"], "Availability": "active"})


async def test_a_server_that_ignores_signals_is_killed_after_its_timeout(started):
    spawner, _, _ = await started("--stubborn", stop_timeout=1)
    await spawner.facts()
    await spawner.stop()
    assert not await spawner.answers()


async def test_settings_without_effect_on_a_swarm_are_reported_once(started, spawners, caplog):
    first, _, _ = await started(links={"db": "db"})
    await spawners(username="bob", links={"db": "db"}).start()
    assert caplog.text.count("SwarmSpawner.links has no effect") == 1
    await first.stop(now=True)


@given(st.text("ab-", max_size=70), st.text("ab-", max_size=70))
def test_long_names_are_shortened_and_stay_unique(one, other):
    assert len(short_name(one)) <= 63
    assert (short_name(one) == short_name(other)) == (one == other)


def test_a_shortened_name_is_never_another_users_own():
    assert short_name(short_name("a" * 70)) != short_name("a" * 70)
