"""Forms of settings that only a real engine can check: persistent data, refusals, and messages for users."""

import json

import pytest

from plughub.errors import PluginError
from plughub.testing.contracts.spawner import make_server

pytestmark = pytest.mark.docker


def write(path):
    return ["-c", f"open({path!r}, 'w').write('kept')"]


def read(path):
    return ["-c", f"print(open({path!r}).read())"]


@pytest.fixture
def inside(engine, probe):
    """Return a function that runs Python inside the container of an endpoint."""

    def go(endpoint, arguments, **options):
        made = engine.exec_create(endpoint.state["object_id"], [probe[0], *arguments], **options)
        return engine.exec_start(made["Id"]).decode().strip()

    return go


async def test_a_list_of_binds_does_not_replace_volumes(spawners, inside, prefix, tmp_path):
    settings = {
        "volumes": {f"{prefix}-{{username}}": "/tmp/work"},
        "extra_host_config": {"binds": [f"{tmp_path}:/tmp/more:ro"]},
    }
    first = spawners(**settings)
    endpoint = await first.start()
    assert inside(endpoint, write("/tmp/work/x"), user="0") == ""
    await first.stop(now=True)
    second = spawners(server=make_server("alice", mark=first.server.mark), **settings)
    assert inside(await second.start(), read("/tmp/work/x")) == "kept"


async def test_all_kinds_of_arguments_at_once(spawners, engine, prefix, tmp_path):
    """Braces, sync and async functions, a limit with another period, further ports and read-only folders."""

    async def host_config(spawner):
        return {"cpu_period": 50_000, "port_bindings": {4040: ("127.0.0.1",)}, "binds": None}

    async def mounts(spawner):
        return [{"type": "tmpfs", "target": "/scratch"}]

    health = 'test -n ${PORT} && echo \'{"is": {"a": "{username}"}}\''
    spawner = spawners(
        extra_create_kwargs={"healthcheck": {"test": health}, "environment": [f"RULE={health}"]},
        extra_host_config=host_config,
        mounts=mounts,
        cpu_limit=0.5,
        read_only_volumes={str(tmp_path): {"bind": "/data", "mode": "z"}},
        host_ip="0.0.0.0",
    )
    endpoint = await spawner.start()
    container = engine.inspect_container(endpoint.state["object_id"])
    assert container["Config"]["Healthcheck"]["Test"][1] == health.replace("{username}", "alice")
    assert container["HostConfig"]["CpuQuota"] == 25_000
    assert container["NetworkSettings"]["Ports"]["4040/tcp"]
    mounted = {mount["Destination"]: mount["RW"] for mount in container["Mounts"]}
    assert mounted["/data"] is False
    environment = (await spawner.facts())["environment"]
    assert json.loads(environment["RULE"].partition("echo ")[2].strip("'")) == {"is": {"a": "alice"}}
    assert spawner.started.url.startswith("http://127.0.0.1:")
    assert await spawner.verifies()
    found = (await spawner.inventory())[spawner.server.operation]
    assert found.url == spawner.started.url


async def test_the_host_network_may_be_set_in_additional_arguments(spawners):
    for name in ("alice", "bob"):
        spawner = spawners(username=name, ip="127.0.0.1", extra_host_config={"network_mode": "host"})
        await spawner.start()
        assert (await spawner.facts())["environment"]["JUPYTERHUB_USER"] == name
        assert await spawner.verifies()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"volumes": {"/tmp": {"bind": "/x", "mode": "writable"}}}, "DockerSpawner.volumes"),
        ({"extra_host_config": {"binds": ["/tmp:relative"]}}, "DockerSpawner.extra_host_config"),
        (
            {"extra_host_config": {"network_mode": "host", "links": {"a": "b"}}},
            "DockerSpawner.extra_host_config",
        ),
        ({"mem_limit": "1K"}, "DockerSpawner.mem_limit"),
        ({"host_ip": "192.0.2.1"}, "192.0.2.1"),
        ({"cmd": ["no-such-command"]}, "DockerSpawner.cmd"),
        ({"links": {"no-such-container": "db"}}, "no-such-container"),
        ({"network_name": "no-such-network"}, "no-such-network"),
        ({"mounts": [{"type": "bind", "source": "/no/such", "target": "/x"}]}, "DockerSpawner.mounts"),
        ({"client_kwargs": {"adress": "x"}}, "DockerSpawner.client_kwargs"),
        ({"tls_config": {"ca_cert": "/no/such.pem"}}, "DockerSpawner.tls_config"),
    ],
    ids=str,
)
async def test_a_refused_argument_is_not_reported_as_an_unreachable_engine(spawners, settings, named):
    spawner = spawners(**settings)
    with pytest.raises(PluginError, match=named) as caught:
        await spawner.start()
    assert "cannot be reached" not in str(caught.value)
    if "tls_config" not in settings and "client_kwargs" not in settings:
        await spawner.stop(now=True)


async def test_a_kept_container_that_never_ran_is_recreated(spawners, engine):
    first = spawners(remove=False, cmd=["no-such-command"])
    with pytest.raises(PluginError, match="no-such-command"):
        await first.start()
    left = await first.hooks.stop("tested", first.record, now=True)
    server = make_server("alice", mark=first.server.mark, state=left.state)
    second = spawners(server=server, remove=False)
    endpoint = await second.start()
    assert endpoint.state["object_id"] != left.state["object_id"]
    assert (await second.facts())["environment"]["JUPYTERHUB_USER"] == "alice"
    assert engine.containers(all=True, filters={"id": left.state["object_id"]}) == []


async def test_the_log_of_an_ended_container_is_read_before_its_removal(spawners, engine, prefix):
    spawner = spawners("--writes=3", "--exit=7", remove=False, extra_host_config={"auto_remove": True})
    await spawner.start()
    assert await spawner.wait() == 7
    assert list(await spawner.logs(3)) == ["line 0", "line 1", "line 2"]
    await spawner.stop()
    assert engine.containers(all=True, filters={"name": prefix}) == []


async def test_a_profile_chooses_image_and_limits_of_a_container(spawners, engine, tiny_image):
    choices = {"tiny": {"kubespawner_override": {"image": tiny_image}}, "none": {"override": {"image": "no"}}}
    profiles = [
        {"display_name": "Small", "mem_limit": "64M", "profile_options": {"image": {"choices": choices}}}
    ]
    server = make_server("alice", options={"profile": "small", "image": "tiny"})
    endpoint = await spawners(
        server=server, image="none", allowed_images=["other"], profiles=profiles
    ).start()
    found = engine.inspect_container(endpoint.state["object_id"])
    assert (found["Config"]["Image"], found["HostConfig"]["Memory"]) == (tiny_image, 64 * 1024**2)


async def test_the_start_page_learns_whether_the_engine_answers(spawners):
    assert await spawners().hooks.check_spawner("tested") is None
    address = "tcp://127.0.0.1:9"  # nothing listens there
    why = await spawners(client_kwargs={"base_url": address}).hooks.check_spawner("tested")
    assert why.message == "the hub cannot reach its Docker engine"
    assert "127.0.0.1:9 cannot be reached" in why.detail
