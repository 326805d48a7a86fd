"""Every setting, with a real engine."""

import asyncio
import json
import socket
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from plughub.errors import PluginError
from plughub.testing.conditions import until, wait_for
from plughub.testing.contracts.spawner import NAME, make_server
from plughub_docker import fixed_addresses
from plughub_docker.testing.kills import Launches
from plughub_docker.testing.shared_engine import create_network_with_subnet

pytestmark = pytest.mark.docker


@pytest.fixture
def started(engine, spawners):
    """Start a server with settings and return its container; everything is removed after the test."""

    async def go(*arguments, **settings):
        spawner = spawners(*arguments, **settings)
        endpoint = await spawner.start()
        return spawner, engine.inspect_container(endpoint.state["object_id"])

    return go


async def test_the_state_is_that_of_jupyterhubs_dockerspawner(started, prefix):
    spawner, container = await started()
    assert spawner.server.state["object_id"] == container["Id"]
    assert spawner.server.state["object_name"] == f"{prefix}-alice"


async def test_a_server_from_an_old_state_is_found_by_the_id_of_its_container(started, spawners):
    spawner, container = await started()
    known = {"mark": spawner.server.mark, "url": spawner.started.url}
    old = make_server("alice", state={"container_id": container["Id"]}, **known)
    assert await spawners(server=old).poll() is None


async def test_ports_are_published_for_this_machine_only(started):
    spawner, container = await started()
    (published,) = container["NetworkSettings"]["Ports"]["8888/tcp"]
    assert published["HostIp"] == "127.0.0.1"
    assert spawner.started.url == f"http://127.0.0.1:{published['HostPort']}"


async def test_ports_are_published_at_the_address_that_is_set(started):
    spawner, container = await started(host_ip="127.0.0.2")
    (published,) = container["NetworkSettings"]["Ports"]["8888/tcp"]
    assert published["HostIp"] == "127.0.0.2"
    assert spawner.started.url == f"http://127.0.0.2:{published['HostPort']}"
    assert await spawner.facts()


async def test_a_taken_port_is_replaced_and_one_container_runs(
    started, engine, prefix, free_port, monkeypatch
):
    first, choose = [free_port], fixed_addresses._dice.choice
    monkeypatch.setattr(
        fixed_addresses._dice, "choice", lambda ports: first.pop() if first else choose(ports)
    )
    with socket.create_server(("127.0.0.1", free_port)), Launches(prefix) as launches:
        spawner, _ = await started()
        wait_for(launches.count)
        assert (launches.count(), launches.duplicates()) == (1, [])
    assert not spawner.started.url.endswith(f":{free_port}")
    assert len(engine.containers(all=True, filters={"name": f"^/{prefix}-"})) == 1


async def test_a_template_names_the_container(started, prefix):
    _, container = await started(
        name_template=prefix + "-x-{username}-{servername}", username="a.b", name="lab"
    )
    assert container["Name"] == f"/{prefix}-x-a-2eb-lab"


async def test_raw_names_and_the_image_may_be_in_a_template(started, tiny_image):
    template = "{prefix}-{raw_username}-{safe_username}-{raw_servername}-{imagename}"
    spawner, container = await started(name_template=template, username="a.b", name="lab")
    image = tiny_image.replace(":", "-")
    assert container["Name"].endswith(f"-a.b-a-2eb-lab-{image}")
    spawner.new_hub()
    assert await spawner.poll() is None


async def test_legacy_names_of_settings_still_work(started, prefix, tiny_image, caplog):
    _, container = await started(
        image="none", prefix="none", container_image=tiny_image, container_prefix=f"{prefix}-old"
    )
    assert container["Name"] == f"/{prefix}-old-alice"
    assert "DockerSpawner.container_prefix has been renamed to DockerSpawner.prefix" in caplog.text


async def test_a_custom_escape_function_is_used(started, prefix):
    _, container = await started(escape=lambda name: name.replace("@", "_at_"), username="a@b")
    assert container["Name"] == f"/{prefix}-a_at_b"


async def test_a_template_that_gives_two_servers_one_name_is_refused(started, spawners, prefix):
    template = f"{prefix}-all"
    first, _ = await started(name_template=template)
    other = spawners(server=make_server("bob", mark=first.server.mark), name_template=template)
    with pytest.raises(PluginError, match="is already used"):
        await other.start()
    await other.stop()
    assert await first.poll() is None


async def test_limits_and_guarantees_reach_the_engine(started):
    _, container = await started(
        mem_limit=lambda spawner: "64M",
        mem_guarantee="32M",
        cpu_limit=lambda spawner: 0.5,
        cpu_guarantee=0.25,
    )
    host = container["HostConfig"]
    assert (host["Memory"], host["MemoryReservation"]) == (64 << 20, 32 << 20)
    assert (host["CpuQuota"], host["CpuPeriod"], host["CpuShares"]) == (50_000, 100_000, 256)


async def test_volumes_are_mounted_and_some_only_for_reading(started, prefix, tmp_path):
    (tmp_path / "alice").mkdir()
    _, container = await started(
        volumes={f"{prefix}-{{username}}": "/work/{username}"},
        read_only_volumes={f"{tmp_path}/{{username}}": {"bind": "/data"}},
        mounts=lambda spawner: [{"target": "/scratch-{username}", "source": "", "type": "tmpfs"}],
    )
    mounts = {mount["Destination"]: mount for mount in container["Mounts"]}
    assert (mounts["/work/alice"]["Name"], mounts["/work/alice"]["RW"]) == (f"{prefix}-alice", True)
    assert (mounts["/data"]["Source"], mounts["/data"]["RW"]) == (f"{tmp_path}/alice", False)
    assert container["HostConfig"]["Mounts"][0]["Target"] == "/scratch-alice"


async def test_a_custom_function_names_the_volumes(started, prefix):
    _, container = await started(
        volumes={"{username}": "/work"}, format_volume_name=lambda text, _: text.replace("{username}", prefix)
    )
    assert container["Mounts"][0]["Name"] == prefix


async def test_additional_arguments_are_merged_and_filled_in(started):
    spawner, container = await started(
        extra_create_kwargs={"labels": {"team": "{username}s"}, "hostname": "{username}-lab"},
        extra_host_config=lambda spawner: {"cap_drop": ["ALL"]},
    )
    assert container["Config"]["Labels"]["team"] == "alices"
    assert container["Config"]["Labels"]["plughub.operation"] == spawner.server.operation
    assert container["Config"]["Hostname"] == "alice-lab"
    assert container["HostConfig"]["CapDrop"] == ["ALL"]


async def test_an_internal_address_is_used_without_a_published_port(started):
    spawner, container = await started(use_internal_ip=True)
    assert not container["NetworkSettings"]["Ports"]["8888/tcp"]
    address = container["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert spawner.started.url == f"http://{address}:8888"
    assert await spawner.facts()
    found = (await spawner.inventory())[spawner.server.operation]
    assert found.url == spawner.started.url


async def test_in_a_network_of_its_own_the_internal_address_is_the_default(started, engine, prefix):
    network = engine.create_network(prefix)["Id"]
    try:
        spawner, container = await started(network_name=prefix)
        address = container["NetworkSettings"]["Networks"][prefix]["IPAddress"]
        assert spawner.started.url == f"http://{address}:8888"
        assert await spawner.facts()
        await spawner.stop(now=True)
    finally:
        engine.remove_network(network)


@pytest.fixture
def fixed_network(engine, prefix):
    """A network in which containers may have a fixed address."""
    network = create_network_with_subnet(engine, prefix)
    yield prefix
    for container in engine.containers(all=True, filters={"name": f"^/{prefix}"}):
        engine.remove_container(container["Id"], force=True, v=True)
    engine.remove_network(network)


async def test_where_a_subnet_is_configured_a_container_keeps_its_address(started, engine, fixed_network):
    spawner, container = await started(network_name=fixed_network)
    await spawner.facts()
    engine.stop(container["Id"], timeout=1)
    others = [
        engine.create_container(
            container["Config"]["Image"],
            spawner_command(container),
            name=name,
            host_config=engine.create_host_config(network_mode=fixed_network),
        )["Id"]
        for name in (f"{fixed_network}-x", f"{fixed_network}-y")
    ]
    for one in others:
        engine.start(one)
    engine.start(container["Id"])
    assert await spawner.poll() is None
    assert await spawner.facts()


def spawner_command(container):
    return [*container["Config"]["Cmd"], "--deaf"]


async def test_another_address_is_fixed_where_one_is_taken(started, fixed_network, monkeypatch):
    spawner, _ = await started(network_name=fixed_network)
    taken = int(spawner.started.url.split(".")[-1].split(":")[0])
    monkeypatch.setattr("plughub_docker.fixed_addresses._labelled", lambda *_: [])
    monkeypatch.setattr("plughub_docker.fixed_addresses._in_use", lambda *_: [])
    chosen = [taken, taken, 130 if taken != 130 else 131]
    monkeypatch.setattr("plughub_docker.fixed_addresses._dice.randrange", lambda *_: chosen.pop(0))
    other, _ = await started(network_name=fixed_network, username="bob")
    assert (await other.facts())["environment"]["JUPYTERHUB_USER"] == "bob"
    assert not chosen


async def test_an_internal_name_is_the_address(started, prefix):
    spawner, _ = await started(use_internal_hostname=True)
    assert spawner.started.url == f"http://{prefix}-alice:8888"


async def test_in_the_network_of_the_host_the_port_is_that_of_the_server(started, free_port):
    spawner, _ = await started(network_name="host", ip="127.0.0.1", port=free_port)
    assert spawner.started.url == f"http://127.0.0.1:{free_port}"
    assert await spawner.facts()


async def test_in_the_network_of_the_host_each_server_gets_a_port_of_its_own(started):
    for name in ("alice", "bob"):
        spawner, _ = await started(username=name, network_name="host", ip="127.0.0.1")
        assert (await spawner.facts())["environment"]["JUPYTERHUB_USER"] == name
        assert await spawner.verifies()


async def test_on_the_host_network_another_users_server_is_not_mistaken_for_this_one(started, free_port):
    settings = {"network_name": "host", "ip": "127.0.0.1", "port": free_port}
    alice, _ = await started(username="alice", **settings)
    assert (await alice.facts())["environment"]["JUPYTERHUB_USER"] == "alice"
    assert await alice.verifies()
    bob, _ = await started("--deaf", username="bob", **settings)
    assert (await bob.facts())["environment"]["JUPYTERHUB_USER"] == "alice", (
        "it answers at the address of the other server"
    )
    assert not await bob.verifies()
    bob.new_hub()
    assert not await bob.verifies()


async def test_on_the_host_network_of_another_machine_no_server_is_started(
    started, engine, prefix, monkeypatch
):
    monkeypatch.setattr("plughub_docker.host_network.Path", lambda _: Path("/no/such/process"))
    with pytest.raises(PluginError, match="does not see the processes of the engine"):
        await started(network_name="host", ip="127.0.0.1")


async def test_a_published_port_stays_when_the_container_is_restarted(started, engine):
    spawner, container = await started()
    before = (await spawner.facts())["pid"]
    engine.restart(container["Id"], timeout=1)
    assert (await spawner.facts())["pid"] == before
    assert await spawner.poll() is None


async def test_another_port_is_published_where_one_is_taken(started, monkeypatch):
    spawner, container = await started()
    taken = int(container["Config"]["Labels"]["plughub.published"])
    chosen = [taken, taken, taken + 1 if taken < 65_535 else taken - 1]
    monkeypatch.setattr("plughub_docker.fixed_addresses._dice.choice", lambda _: chosen.pop(0))
    other, _ = await started(username="bob")
    assert (await other.facts())["environment"]["JUPYTERHUB_USER"] == "bob"
    assert not chosen
    assert await spawner.verifies()


async def test_links_lead_to_other_containers(started, engine, prefix, tiny_image, probe):
    other = engine.create_container(tiny_image, [*probe, "--deaf"], name=f"{prefix}-db")["Id"]
    engine.start(other)
    _, container = await started(links={f"{prefix}-db": "db"})
    assert container["HostConfig"]["Links"] == [f"/{prefix}-db:/{prefix}-alice/db"]


async def test_a_command_is_run_inside_after_the_start(started, engine, probe):
    _, container = await started(post_start_cmd=[probe[0], "-c", "open('/tmp/greeting', 'w').write('hello')"])
    made = engine.exec_create(container["Id"], [probe[0], "-c", "print(open('/tmp/greeting').read())"])
    assert engine.exec_start(made["Id"]) == b"hello\n"


async def test_a_command_inside_that_fails_is_logged_and_the_server_stays(started, probe, caplog):
    spawner, _ = await started(post_start_cmd=[probe[0], "-c", "raise SystemExit('no greeting')"])
    assert "no greeting" in caplog.text
    assert await spawner.poll() is None


async def test_the_command_of_the_image_is_used_when_none_is_set(started, engine, tiny_image, probe, prefix):
    image = f"{prefix}:own"
    made = engine.create_container(tiny_image, ["unused"], name=f"{prefix}-making")["Id"]
    engine.commit(made, prefix, "own", changes=[f"CMD {json.dumps(probe)}"])
    try:
        spawner, _ = await started(image=image, cmd=[], args=["--writes=1"])
        assert (await spawner.facts())["argv"][1:] == ["--writes=1"]
    finally:
        engine.remove_container(f"{prefix}-alice", force=True)
        engine.remove_image(image, force=True)


async def test_the_hubs_environment_is_not_passed_on(started, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HUB", "x")
    _, container = await started()
    assert "SECRET_OF_THE_HUB" not in str(container["Config"]["Env"])


async def test_a_server_that_ignores_signals_is_killed_after_its_timeout(started):
    spawner, _ = await started("--stubborn", stop_timeout=1)
    await spawner.facts()
    await spawner.stop()
    assert await spawner.poll() == 0


async def test_concurrent_launches_limits_concurrent_creations(spawners, engine):
    people = [spawners(username=f"person{number}", concurrent_launches=1) for number in range(3)]
    endpoints = await asyncio.gather(*(person.start() for person in people))
    made = [engine.inspect_container(endpoint.state["object_id"]) for endpoint in endpoints]
    moments = [(one["Created"].rstrip("Z"), one["State"]["StartedAt"].rstrip("Z")) for one in made]
    assert all(started <= created for (_, started), (created, _) in pairwise(sorted(moments)))


async def test_a_start_that_is_cancelled_leaves_no_container(spawners, engine, prefix):
    spawner = spawners()
    start = asyncio.ensure_future(spawner.start())
    await until(lambda: asyncio.to_thread(engine.containers, all=True, filters={"name": prefix}))
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    await spawner.stop(now=True)
    assert engine.containers(all=True, filters={"name": prefix}) == []


# ---- kept containers


async def test_a_kept_container_is_resumed_with_its_token_and_its_files(started, spawners, engine, probe):
    spawner, container = await started(remove=False)
    write = [probe[0], "-c", "open('/tmp/kept', 'w').write('x')"]
    engine.exec_start(engine.exec_create(container["Id"], write)["Id"])
    await spawner.stop()
    assert isinstance(await spawner.poll(), int)
    assert spawner.server.operation not in await spawner.inventory()

    again = make_server("alice", mark=spawner.server.mark, state=spawner.server.state)
    second = spawners(server=again, remove=False)
    endpoint = await second.start()

    assert endpoint.state["object_id"] == container["Id"]
    assert endpoint.api_token == spawner.token
    assert (await second.facts())["environment"]["JUPYTERHUB_API_TOKEN"] == spawner.token
    (found,) = (await second.inventory()).values()
    assert (found.operation, found.url) == (again.operation, "")
    assert await second.poll() is None


async def test_the_end_of_an_earlier_start_leaves_a_resumed_container_alone(started, spawners):
    earlier, _ = await started(remove=False)
    await earlier.facts()
    await earlier.stop()
    known = {"mark": earlier.server.mark, "state": earlier.server.state}
    later = spawners(server=make_server("alice", **known), remove=False)
    await later.start()
    earlier.server = make_server("alice", mark=earlier.server.mark, operation=earlier.server.operation)
    earlier.new_hub()
    await earlier.stop(now=True)
    assert await later.poll() is None


async def test_a_kept_container_of_another_image_is_not_removed(
    started, spawners, engine, tiny_image, prefix
):
    first, container = await started(remove=False)
    await first.stop(now=True)
    engine.tag(tiny_image, prefix, "other")
    try:
        known = {"mark": first.server.mark, "state": first.server.state}
        second = spawners(server=make_server("alice", **known), remove=False, image=f"{prefix}:other")
        with pytest.raises(PluginError, match="is kept"):
            await second.start()
        assert engine.inspect_container(container["Id"])
    finally:
        engine.remove_image(f"{prefix}:other")


async def kept(started, engine, probe):
    """Start a server, write a file into its container, and stop it."""
    spawner, container = await started(remove=False)
    write = [probe[0], "-c", "open('/tmp/kept', 'w').write('x')"]
    engine.exec_start(engine.exec_create(container["Id"], write)["Id"])
    await spawner.stop(now=True)
    return spawner, container


def containers(engine, prefix):
    return {
        one["Id"]: one["Names"][0] for one in engine.containers(all=True, filters={"name": f"^/{prefix}"})
    }


async def test_a_new_user_with_the_name_of_a_deleted_one_gets_another_container(
    started, spawners, engine, probe, prefix
):
    """The engine may have been unavailable when the user was deleted: the container still exists."""
    first, container = await kept(started, engine, probe)
    second = spawners(server=make_server("alice", mark=first.server.mark), remove=False)
    endpoint = await second.start()
    assert endpoint.api_token is None
    assert endpoint.state["object_id"] != container["Id"]
    assert (await second.facts())["environment"]["JUPYTERHUB_API_TOKEN"] == second.token
    name = f"/{prefix}-alice"
    assert containers(engine, prefix) == {
        endpoint.state["object_id"]: name,
        container["Id"]: f"{name}-{container['Id'][:12]}",
    }
    await second.stop(now=True)
    await second.delete()
    assert containers(engine, prefix) == {}


async def test_a_kept_container_is_removed_with_its_server(started, engine, probe, prefix):
    spawner, _ = await kept(started, engine, probe)
    spawner.new_hub()
    await spawner.delete()
    assert containers(engine, prefix) == {}
    await spawner.delete()


@pytest.mark.parametrize("names", [("alicia", ""), ("alice", "lab")])
async def test_a_container_does_not_follow_a_new_name_and_is_removed_with_its_server(
    started, spawners, engine, probe, prefix, names
):
    first, container = await kept(started, engine, probe)
    known = {"mark": first.server.mark, "state": first.server.state}
    renamed = spawners(server=make_server(*names, **known), remove=False)
    endpoint = await renamed.start()
    environment = (await renamed.facts())["environment"]
    assert (environment["JUPYTERHUB_USER"], environment["JUPYTERHUB_SERVER_NAME"]) == names
    assert environment["JUPYTERHUB_API_TOKEN"] == renamed.token
    assert containers(engine, prefix)[container["Id"]] == f"/{prefix}-alice-{container['Id'][:12]}"
    await renamed.stop(now=True)

    other = spawners(server=make_server("alice", mark=first.server.mark), remove=False)
    unlike = await other.start()
    assert unlike.state["object_id"] not in {container["Id"], endpoint.state["object_id"]}
    renamed.new_hub()
    await renamed.delete()
    assert list(containers(engine, prefix)) == [unlike.state["object_id"]]


async def test_the_container_of_an_interrupted_start_is_removed(started, spawners, engine, prefix):
    first, container = await started(remove=False)
    image, labels = container["Config"]["Image"], container["Config"]["Labels"]
    made = engine.create_container(image, "never run", labels=labels)
    await first.stop(now=True)
    engine.remove_container(container["Id"])
    engine.rename(made["Id"], f"{prefix}-alice")
    second = spawners(server=make_server("alice", mark=first.server.mark), remove=False)
    endpoint = await second.start()
    assert list(containers(engine, prefix)) == [endpoint.state["object_id"]]


async def test_another_hub_process_saves_the_container_of_a_failed_start(started):
    spawner, container = await started(remove=False)
    spawner.server = replace(spawner.server, state={})
    spawner.new_hub()
    left = await spawner.hooks.stop(NAME, spawner.record, now=True)
    assert left.state["object_id"] == container["Id"]


# ---- start options


async def test_without_allowed_images_users_cannot_choose_one(spawners):
    server = make_server("alice", options={"image": "evil"})
    with pytest.raises(PluginError, match="does not allow choosing an image"):
        await spawners(server=server).start()


@pytest.mark.parametrize("chosen", ["evil", "", ["evil"], 3])
async def test_an_image_that_is_not_listed_is_refused(spawners, tiny_image, chosen):
    server = make_server("alice", options={"image": chosen})
    with pytest.raises(PluginError, match="image") as caught:
        await spawners(server=server, allowed_images=["good", tiny_image]).start()
    assert caught.value.__cause__.status == 400  # type: ignore[attr-defined]


@pytest.mark.parametrize("allowed", ["*", "{image}", ["other", "{image}"]])
async def test_an_image_may_be_any_or_one_or_among_a_list(spawners, engine, tiny_image, allowed):
    image = tiny_image
    allowed = (
        [name.format(image=image) for name in allowed]
        if isinstance(allowed, list)
        else allowed.format(image=image)
    )
    server = make_server("alice", options={"image": image})
    endpoint = await spawners(server=server, image="none", allowed_images=allowed).start()
    assert engine.inspect_container(endpoint.state["object_id"])["Config"]["Image"] == image


async def test_a_listed_image_is_used_and_offered_in_the_form(spawners, engine, tiny_image):
    server = make_server("alice", options={"image": "Tiny <1>"})
    spawner = spawners(
        server=server, image="none", allowed_images=lambda _: {"Tiny <1>": tiny_image, "Other": "x"}
    )
    form = await spawner.hooks.options_form("tested", spawner.record)
    assert 'value="Tiny &lt;1&gt;"' in form
    assert await spawner.hooks.options_from_form("tested", spawner.record, {"image": ["Other"]}) == {
        "image": "Other"
    }
    endpoint = await spawner.start()
    assert engine.inspect_container(endpoint.state["object_id"])["Config"]["Image"] == tiny_image


async def test_an_unknown_option_is_refused(spawners):
    server = make_server("alice", options={"privileged": True})
    with pytest.raises(PluginError, match="unknown options: privileged"):
        await spawners(server=server).start()


async def test_an_option_that_the_administrator_allows_is_applied(spawners, engine):
    server = make_server("alice", options={"memory": "50M"})
    endpoint = await spawners(server=server, apply_user_options={"memory": "mem_limit"}).start()
    assert engine.inspect_container(endpoint.state["object_id"])["HostConfig"]["Memory"] == 50 << 20
