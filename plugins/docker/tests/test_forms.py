"""Settings in all forms that JupyterHub's DockerSpawner accepts: the requests to the engine, without one."""

import json
import os
from operator import attrgetter

import pytest
from docker.constants import DEFAULT_DOCKER_API_VERSION as VERSION
from docker.types import HostConfig, LogConfig, Mount, Ulimit
from docker.types.containers import ContainerConfig
from traitlets import TraitError
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.spawner import SpawnFailed
from plughub.testing.contracts.spawner import NAME, make_server
from plughub_docker import service_spec
from plughub_docker.creation import create_arguments
from plughub_docker.extra_arguments import merged
from plughub_docker.spawner import DockerSpawner
from plughub_docker.swarm_spawner import SwarmSpawner
from plughub_docker.system_user_spawner import SystemUserSpawner

WORK = {"work-{username}": "/work"}
HEALTH = "curl -f http://localhost:${PORT}/api"
RULE = 'Host(`{username}.example.org`) && Query(`{"a": {"b": 1}}`)'


def build(spawner_class=DockerSpawner, options=(), **settings):
    config = Config({"DockerSpawner": {"cmd": ["serve"], **settings}})
    return SpawnerHooks(NAME, spawner_class, config)._build(make_server("alice", options=dict(options)))


async def sent(options=(), **settings):
    """Return both parts of the request to the engine, in the engine's format."""
    spawner = build(options=options, **settings)
    await spawner.choose()
    spawner.published_port = 0 if spawner.is_internal or spawner.network_name == "host" else 61_234
    arguments, host = create_arguments(spawner, [])
    host = merged(HostConfig(VERSION, **host), arguments.pop("host_config", {}))
    for key in ("name", "platform"):
        arguments.pop(key, None)
    return json.loads(json.dumps([ContainerConfig(VERSION, **arguments), host]))


def later(value):
    """An ``async def`` that returns a value."""

    async def give(spawner):
        assert spawner.user.name == "alice"
        return value

    return give


def environment(container):
    return dict(pair.partition("=")[::2] for pair in container["Env"])


# ---- mounts

BINDS = {
    "a text": ({"volumes": WORK}, ["work-alice:/work:rw"]),
    "a dictionary": ({"volumes": {"w": {"bind": "/{username}", "mode": "ro"}}}, ["w:/alice:ro"]),
    "ro": ({"volumes": {"w": {"bind": "/w", "ro": True}}}, ["w:/w:ro"]),
    "a propagation": ({"volumes": {"/w": {"bind": "/w", "propagation": "rslave"}}}, ["/w:/w:rw,rslave"]),
    "two templates of one name": (
        {"volumes": {"{username}": "/a", "{raw_username}": "/b"}},
        ["alice:/a:rw", "alice:/b:rw"],
    ),
    "one source twice": (
        {"volumes": {"s": "/s"}, "read_only_volumes": {"s": "/t"}},
        ["s:/s:rw", "s:/t:ro"],
    ),
    "read only": ({"read_only_volumes": {"/data": "/data"}}, ["/data:/data:ro"]),
    "read only with z": ({"read_only_volumes": {"/d": {"bind": "/d", "mode": "z"}}}, ["/d:/d:ro,z"]),
    "read only with ro,Z": ({"read_only_volumes": {"/d": {"bind": "/d", "mode": "ro,Z"}}}, ["/d:/d:ro,Z"]),
    "read only wins": ({"volumes": {"s": "/s"}, "read_only_volumes": {"s": "/s"}}, ["s:/s:ro"]),
    "a list beside": (
        {"volumes": WORK, "extra_host_config": {"binds": ["/etc/x:/etc/x:ro"]}},
        ["work-alice:/work:rw", "/etc/x:/etc/x:ro"],
    ),
    "a tuple beside": (
        {"volumes": WORK, "extra_host_config": {"binds": ("/{username}:/x",)}},
        ["work-alice:/work:rw", "/alice:/x"],
    ),
    "a dictionary beside": (
        {"volumes": WORK, "extra_host_config": {"binds": {"/x": {"bind": "/x", "ro": True}, "/y": "/y"}}},
        ["work-alice:/work:rw", "/x:/x:ro", "/y:/y:rw"],
    ),
    "None beside": ({"volumes": WORK, "extra_host_config": {"binds": None}}, ["work-alice:/work:rw"]),
    "the same source beside": (
        {"volumes": WORK, "extra_host_config": {"binds": {"work-{username}": "/again"}}},
        ["work-alice:/work:rw", "work-alice:/again:rw"],
    ),
    "another mode beside": (
        {"volumes": WORK, "extra_host_config": {"binds": ["work-{username}:/work:ro"]}},
        ["work-alice:/work:ro"],
    ),
    "a function beside": (
        {"volumes": WORK, "extra_host_config": lambda _: {"binds": ["/x:/x"]}},
        ["work-alice:/work:rw", "/x:/x"],
    ),
}


@pytest.mark.parametrize(("settings", "binds"), BINDS.values(), ids=BINDS)
async def test_all_mounts_are_sent_to_the_engine(settings, binds):
    container, host = await sent(**settings)
    assert host["Binds"] == binds
    targets = {bind.split(":")[1] for bind in binds}
    assert set(container["Volumes"]) <= targets, "no volume without name takes the place of another"


MOUNT = {"type": "bind", "source": "/h/{username}", "target": "/h", "read_only": True}


@pytest.mark.parametrize(
    "settings",
    [
        {"mounts": [MOUNT]},
        {"mounts": (MOUNT,)},
        {"mounts": lambda _: [MOUNT]},
        {"mounts": later([MOUNT])},
        {"mounts": [Mount("/h", "/h/{username}", type="bind", read_only=True)]},
        {"extra_host_config": {"mounts": [MOUNT]}},
        {"extra_host_config": later({"mounts": [Mount("/h", "/h/{username}", "bind", read_only=True)]})},
    ],
)
async def test_a_mount_may_have_any_form(settings):
    _, host = await sent(**settings)
    assert host["Mounts"] == [{"Target": "/h", "Source": "/h/alice", "Type": "bind", "ReadOnly": True}]


async def test_mounts_of_two_settings_are_joined():
    tmp = {"type": "tmpfs", "target": "/t"}
    _, host = await sent(mounts=[MOUNT], extra_host_config={"mounts": (tmp,)})
    assert [mount["Target"] for mount in host["Mounts"]] == ["/h", "/t"]


# ---- templates

TEXTS = {
    HEALTH: HEALTH,
    RULE: RULE.replace("{username}", "alice"),
    '{"theme": "dark"}': '{"theme": "dark"}',
    '{"user": "{username}", "is": "{{username}}"}': '{"user": "alice", "is": "{username}"}',
    '{{"user": "{username}"}}': '{"user": "alice"}',
    "{raw_username}-{servername}": "alice-",
    "{": "{",
    "}": "}",
    "{}": "{}",
    "{0} {username": "{0} {username",
    "{username:d} {username.x} {username}": "{username:d} {username.x} alice",
    "%{username}%": "%alice%",
}


@pytest.mark.parametrize(("written", "read"), TEXTS.items())
async def test_only_known_names_in_braces_are_templates(written, read):
    extra = {
        "environment": {"X": written},
        "labels": {"x": written},
        "healthcheck": {"test": ["CMD", written]},
    }
    container, host = await sent(
        extra_create_kwargs=extra, extra_host_config={"log_config": LogConfig(config={"tag": written})}
    )
    assert environment(container)["X"] == read
    assert container["Labels"]["x"] == read
    assert container["Healthcheck"]["Test"] == ["CMD", read]
    assert host["LogConfig"]["Config"]["tag"] == read


@pytest.mark.parametrize(
    ("written", "read"),
    {
        **TEXTS,
        "{{.Node.Hostname}}": "{{.Node.Hostname}}",
        '{{"user": "{username}"}}': '{{"user": "alice"}}',
    }.items(),
)
async def test_a_swarm_keeps_its_own_templates(written, read):
    spawner = build(SwarmSpawner, extra_container_spec={"env": {"X": written}, "hostname": written})
    await spawner.choose()
    container = service_spec.task_template(spawner, [])["ContainerSpec"]
    assert f"X={read}" in container["Env"]
    assert container["Hostname"] == read


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("name_template", "{prefix}-{usrname}"),
        ("name_template", "{}"),
        ("name_template", "{prefix"),
        ("volumes", {"/home/{usrname}": "/work"}),
        ("volumes", {"work": {"bind": "/home/{usrname}"}}),
        ("read_only_volumes", {"{usrname}": "/work"}),
    ],
)
def test_a_name_with_a_template_that_is_not_known_is_refused_when_the_hub_starts(setting, value):
    with pytest.raises(SpawnFailed, match=f"DockerSpawner.{setting} .*Known fields: .*{{username}}"):
        build(**{setting: value})


# ---- arguments in which the spawner sets some values


@pytest.mark.parametrize(
    "extra", [{"X": "1", "Y": None}, ["X=1", "Y"], ("X=1", "Y")], ids=["dictionary", "list", "tuple"]
)
async def test_variables_are_added_to_those_of_the_server(extra):
    container, _ = await sent(extra_create_kwargs={"environment": extra})
    assert {"X=1", "Y"} <= set(container["Env"])
    assert environment(container)["JUPYTERHUB_USER"] == "alice"


@pytest.mark.parametrize("extra", [{"team": ""}, ["team"], ("team",)])
async def test_labels_are_added_to_those_of_the_hub(extra):
    container, _ = await sent(extra_create_kwargs={"labels": extra})
    assert container["Labels"]["team"] == ""
    assert container["Labels"]["plughub.user"] == "alice"


@pytest.mark.parametrize(
    "extra", [[4040, (53, "udp")], (4040, (53, "udp")), {"4040/tcp": None, "53/udp": {}}, ["4040", "53/udp"]]
)
async def test_ports_are_added_to_that_of_the_server(extra):
    container, _ = await sent(extra_create_kwargs={"ports": extra})
    assert set(container["ExposedPorts"]) == {"8888/tcp", "4040/tcp", "53/udp"}


@pytest.mark.parametrize("extra", ["/x", ["/x"], ("/x",), {"/x": {}}])
async def test_volumes_without_a_name_are_added(extra):
    container, host = await sent(volumes=WORK, extra_create_kwargs={"volumes": extra})
    assert set(container["Volumes"]) == {"/work", "/x"}
    assert host["Binds"] == ["work-alice:/work:rw"]


LINKS = [{"cache": "c"}, [("cache", "c")], (["cache", "c"],), ["cache:c"]]


@pytest.mark.parametrize("extra", LINKS)
async def test_links_of_two_settings_are_joined(extra):
    _, host = await sent(links={"db": "d"}, extra_host_config={"links": extra})
    assert host["Links"] == ["cache:c", "db:d"]


@pytest.mark.parametrize("extra", LINKS)
async def test_links_in_a_user_defined_network_are_links_of_its_endpoint(extra):
    """An engine ignores them in the host configuration there."""
    container, host = await sent(links={"db": "d"}, extra_host_config={"links": extra}, network_name="own")
    assert not host.get("Links")
    endpoint = container["NetworkingConfig"]["EndpointsConfig"]["own"]
    assert set(endpoint["Links"]) == {"cache:c", "db:d"}


@pytest.mark.parametrize("key", [4040, "4040", "4040/tcp"])
async def test_another_port_is_published_beside_that_of_the_server(key):
    container, host = await sent(extra_host_config={"port_bindings": {key: ("127.0.0.1", 5050)}})
    assert host["PortBindings"] == {
        "8888/tcp": [{"HostIp": "127.0.0.1", "HostPort": "61234"}],
        "4040/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5050"}],
    }
    assert set(container["ExposedPorts"]) == {"8888/tcp", "4040/tcp"}
    assert container["Labels"]["plughub.published"] == "61234"


@pytest.mark.parametrize("key", [8888, "8888", "8888/tcp"])
async def test_a_configured_port_binding_replaces_the_chosen_port(key):
    container, host = await sent(extra_host_config={"port_bindings": {key: 5050}})
    assert host["PortBindings"] == {"8888/tcp": [{"HostIp": "", "HostPort": "5050"}]}
    assert "plughub.published" not in container["Labels"]


@pytest.mark.parametrize("command", ["run 'a b'", ["run", "a b"], ("run", "a b")])
async def test_a_command_in_additional_arguments_is_the_whole_command(command):
    container, _ = await sent(extra_create_kwargs={"command": command}, args=["--flag"])
    assert container["Cmd"] == ["run", "a b"]
    container, _ = await sent(
        extra_create_kwargs={"command": command},
        allowed_repositories=["https://example.org/*"],
        options={"repository": "https://example.org/x"},
    )
    assert container["Cmd"][-2:] == ["run", "a b"], "a repository is cloned first"
    assert "https://example.org/x" in container["Cmd"]


@pytest.mark.parametrize(
    ("network", "name"),
    [("host", "host"), ("bridge", "bridge"), ("default", "bridge"), ("{prefix}-net", "jupyter-net")],
)
@pytest.mark.parametrize("form", [dict, later, lambda value: lambda _: value])
async def test_the_network_may_be_set_in_additional_arguments(network, name, form):
    container, host = await sent(extra_host_config=form({"network_mode": network}))
    assert host["NetworkMode"] == name
    assert bool(host.get("PortBindings")) == (name == "bridge")
    (port,) = container["ExposedPorts"]
    assert (port == "8888/tcp") == (name != "host"), "in the network of the host each server has its own port"


async def test_a_configured_port_is_used_on_the_host_network():
    container, _ = await sent(port=7777, extra_host_config=later({"network_mode": "host"}))
    assert set(container["ExposedPorts"]) == {"7777/tcp"}


async def test_a_container_is_removed_by_the_hub_after_its_log_was_read():
    spawner = build(extra_host_config={"auto_remove": True})
    assert spawner.remove
    assert not spawner.will_resume
    _, host = await sent(extra_host_config={"auto_remove": True})
    assert not host.get("AutoRemove")


LIMITS = [
    ({"mem_limit": "1G"}, {"mem_limit": "2g"}, {"Memory": 2 << 30}),
    ({"cpu_limit": 2}, {"cpu_period": 50_000}, {"CpuQuota": 100_000, "CpuPeriod": 50_000}),
    ({"cpu_limit": 2}, {"nano_cpus": 10**9}, {"NanoCpus": 10**9}),
    ({"cpu_limit": 2}, {"cpu_quota": 1000}, {"CpuQuota": 1000, "CpuPeriod": 100_000}),
    ({"mem_limit": later("1G"), "cpu_limit": lambda _: 0.5}, {}, {"Memory": 1 << 30, "CpuQuota": 50_000}),
    ({"mem_limit": later(None), "cpu_limit": None}, {}, {}),
]


@pytest.mark.parametrize(("settings", "extra", "expected"), LIMITS)
async def test_limits_and_additional_arguments_are_combined(settings, extra, expected):
    _, host = await sent(**settings, extra_host_config=extra)
    keys = ("Memory", "CpuQuota", "CpuPeriod", "NanoCpus")
    assert {key: host[key] for key in keys if key in host} == {
        **({"CpuPeriod": 100_000} if "CpuQuota" in expected else {}),
        **expected,
    }


async def test_a_limit_in_additional_arguments_overrides_and_is_logged(caplog):
    await sent(mem_limit="1G", cpu_limit=1, extra_host_config={"mem_limit": "3g", "nano_cpus": 5})
    assert "extra_host_config overrides limits of Spawner: mem_limit, nano_cpus" in caplog.text


async def test_objects_of_the_docker_library_are_accepted_in_additional_arguments():
    limit = Ulimit(name="nofile", soft=1, hard=2)
    _, host = await sent(extra_host_config={"ulimits": [limit], "restart_policy": {"Name": "always"}})
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    _, host = await sent(extra_create_kwargs={"host_config": {"CapDrop": ["ALL"]}}, volumes=WORK)
    assert (host["CapDrop"], host["Binds"]) == (["ALL"], ["work-alice:/work:rw"])


@pytest.mark.parametrize("form", [dict, later, lambda value: lambda _: value])
async def test_additional_arguments_may_be_a_sync_or_async_function(form):
    container, host = await sent(
        extra_create_kwargs=form({"hostname": "{username}"}), extra_host_config=form({"cap_drop": ["ALL"]})
    )
    assert (container["Hostname"], host["CapDrop"]) == ("alice", ["ALL"])


@pytest.mark.parametrize("name", ["extra_create_kwargs", "extra_host_config", "mounts"])
async def test_a_function_that_returns_none_adds_nothing(name):
    await sent(**{name: later(None)})
    with pytest.raises(SpawnFailed, match=f"what the function DockerSpawner.{name} returned"):
        await sent(**{name: later(3)})


# ---- refused at the start of the hub

REFUSED = [
    ("extra_host_config", {"memory": "1G"}, "'memory' is not an argument of create_host_config"),
    ("extra_host_config", {"binds": [("/a", "/b")]}, "is not a bind"),
    ("extra_host_config", {"binds": "/a:/b"}, "is not a bind"),
    (
        "extra_host_config",
        {"binds": {"/a": {"mode": "ro"}}},
        "use a path, or a dictionary with the path as 'bind'",
    ),
    ("extra_host_config", {"links": [("a", "b", "c")]}, "is not a link"),
    ("extra_host_config", {"mounts": [{"target": "/x", "folder": "/y"}]}, "folder"),
    ("extra_host_config", {"cap_drop": ["ALL"], "restart_policy": "always"}, "restart_policy"),
    ("extra_host_config", {"network_mode": "none"}, "no address of its own"),
    ("extra_host_config", {"network_mode": "container:x"}, "no address of its own"),
    ("extra_host_config", {"port_bindings": [8888]}, "port_bindings"),
    ("extra_host_config", {"init_path": "/init"}, "init_path"),
    ("extra_host_config", {"mem_limit": "2 apples"}, "memory"),
    ("extra_create_kwargs", {"links": {}}, "'links' is not an argument of create_container"),
    ("extra_create_kwargs", {"image": "x"}, "'image' is set by DockerSpawner.image"),
    ("extra_create_kwargs", {"name": "x"}, "'name' is set by DockerSpawner.name_template"),
    ("extra_create_kwargs", {"host_config": {"Binds": []}}, "'binds' in DockerSpawner.extra_host_config"),
    ("extra_create_kwargs", {"environment": "A=1"}, "cannot be used"),
    ("extra_create_kwargs", {"ports": 4040}, "is not a list of ports"),
    ("network_name", "container:x", "no address of its own"),
    ("host_ip", "engine.example.org", "is not an IP address"),
    ("host_ip", "localhost", "is not an IP address"),
    ("volumes", {"/a": ("/b", "ro")}, "use a path, or a dictionary with the path as 'bind'"),
    ("volumes", {"/a": {"bind": "/b", "read_only": True}}, "unknown key 'read_only'"),
    ("volumes", {"/a": {"bind": "/b", "mode": "rw", "ro": True}}, "both 'ro' and 'mode'"),
    ("read_only_volumes", {"/a": {"bind": "/b", "mode": "rw"}}, "read_only_volumes are read-only"),
    ("mounts", [{"target": "/x", "folder": "/y"}], "folder"),
    ("mounts", [{"target": "/x", "source": "/y", "type": "link"}], "link"),
    ("mounts", ["/x:/y"], "is not a mount"),
]


@pytest.mark.parametrize(("setting", "value", "why"), REFUSED)
async def test_an_invalid_value_is_refused_with_its_setting(setting, value, why):
    with pytest.raises(SpawnFailed, match=f"DockerSpawner.{setting} .*{why}"):
        build(**{setting: value})
    if setting in DockerSpawner.functions:
        with pytest.raises(SpawnFailed, match=f"DockerSpawner.{setting} .*{why}"):
            await sent(**{setting: later(value)})


@pytest.mark.parametrize(
    "settings",
    [
        {"volumes": {"/a": "/x", "/b": "/x/"}},
        {"volumes": {"/a": "/x"}, "read_only_volumes": {"/b": "/x"}},
        {"volumes": {"/a": "/x"}, "extra_host_config": {"binds": ["/b:/x"]}},
    ],
)
async def test_two_sources_at_one_path_are_refused(settings):
    with pytest.raises(SpawnFailed, match="'/a' and '/b' are both mounted at '/x"):
        await sent(**settings)


async def test_removal_by_the_engine_cannot_come_from_a_function():
    with pytest.raises(SpawnFailed, match=r"set DockerSpawner\.remove"):
        await sent(extra_host_config=later({"auto_remove": True}))


SWARM_REFUSED = [
    ("extra_container_spec", {"volumes": []}, "'volumes' is not an argument of ContainerSpec"),
    ("extra_container_spec", {"image": "x"}, "SwarmSpawner.image"),
    ("extra_container_spec", {"env": "A=1"}, "cannot be used"),
    ("extra_task_spec", {"container_spec": {}}, "SwarmSpawner.extra_container_spec"),
    ("extra_resources_spec", {"memory": 1}, "'memory' is not an argument of Resources"),
    ("extra_placement_spec", {"constraint": []}, "'constraint' is not an argument of Placement"),
    ("extra_endpoint_spec", {"port": 1}, "'port' is not an argument of EndpointSpec"),
]


@pytest.mark.parametrize(("setting", "value", "why"), SWARM_REFUSED)
async def test_an_invalid_value_for_a_swarm_is_refused_with_its_setting(setting, value, why):
    with pytest.raises(SpawnFailed, match=f"SwarmSpawner.{setting} .*{why}"):
        build(SwarmSpawner, **{setting: value})


async def test_additional_arguments_of_a_swarm_are_merged_with_those_of_the_server():
    spawner = build(
        SwarmSpawner,
        volumes={**WORK, "/data": {"bind": "/data", "propagation": "rslave"}},
        read_only_volumes={"d": {"bind": "/d", "mode": "z"}},
        extra_container_spec=later({"env": ["X=1"], "labels": {"team": "a"}, "args": ["run", "serve"]}),
        extra_endpoint_spec={"ports": {None: (4040, "tcp", "host")}},
        extra_task_spec={"networks": ["other"]},
    )
    await spawner.choose()
    template = service_spec.task_template(spawner, [])
    container = template["ContainerSpec"]
    assert {"X=1", "JUPYTERHUB_USER=alice"} <= set(container["Env"])
    assert container["Labels"]["team"] == "a"
    assert container["Labels"]["plughub.user"] == "alice"
    assert container["Args"] == ["run", "serve"]
    assert [(one["Source"], one["ReadOnly"]) for one in container["Mounts"]] == [
        ("work-alice", False),
        ("/data", False),
        ("d", True),
    ]
    assert container["Mounts"][1]["BindOptions"] == {"Propagation": "rslave"}
    ports = service_spec.endpoint_spec(spawner)["Ports"]
    assert [port["TargetPort"] for port in ports] == [8888, 4040]


# ---- empty values, as the defaults of DockerSpawner write them


@pytest.mark.parametrize(
    "settings",
    [
        {"cmd": None},
        {"cmd": False},
        {"cmd": ""},
        {"cmd": []},
        {"post_start_cmd": None},
        {"post_start_cmd": False},
        {"post_start_cmd": ""},
        {"allowed_images": None},
        {"image_whitelist": None},
        {"allowed_images": {}},
        {"name_template": ""},
        {"mem_limit": None, "cpu_limit": None},
        {"mem_limit": 0, "cpu_limit": 0.0},
        {"certs_volume_name": "{prefix}ssl-{username}"},
        {"move_certs_image": "busybox:1.30.1"},
        {"links": {}, "mounts": [], "volumes": {}, "tls_config": {}, "client_kwargs": {}},
    ],
    ids=str,
)
async def test_empty_values_mean_the_default(settings):
    spawner = build(**settings)
    await spawner.choose()
    arguments, _ = create_arguments(spawner, ["serve"])
    assert (arguments["name"], arguments["command"]) == ("jupyter-alice", ["serve"])
    assert spawner.post_start_cmd == []
    assert "<select" not in await spawner.get_options_form()


@pytest.mark.parametrize(
    ("network", "internal", "published"),
    [
        ("bridge", None, True),
        ("bridge", True, False),
        ("own", None, False),
        ("own", False, True),
        ("own", True, False),
        ("host", None, False),
        ("default", None, True),
    ],
)
@pytest.mark.parametrize("where", ["setting", "argument"])
async def test_a_port_is_published_unless_the_address_inside_is_used(network, internal, published, where):
    chosen = (
        {"extra_host_config": {"network_mode": network}} if where == "argument" else {"network_name": network}
    )
    _, host = await sent(**chosen, **({} if internal is None else {"use_internal_ip": internal}))
    assert bool(host.get("PortBindings")) == published


@pytest.mark.parametrize("policy", ["always", "Always", "IFNOTPRESENT", "never", "skip"])
def test_a_pull_policy_may_be_written_in_any_case(policy):
    assert build(pull_policy=policy).pull_policy.lower() == policy.lower()


IMAGES = [
    (["a", "b"], "b", "b"),
    (("a", "b"), "b", "b"),
    ({"A": "a", "B": "b"}, "B", "b"),
    (lambda _: {"B": "b"}, "B", "b"),
    (later(["b"]), "b", "b"),
    ("b", "b", "b"),
    ("*", "b", "b"),
]


@pytest.mark.parametrize(("allowed", "choice", "image"), IMAGES)
async def test_allowed_images_may_have_any_form(allowed, choice, image):
    container, _ = await sent(allowed_images=allowed, options={"image": choice})
    assert container["Image"] == image


@pytest.mark.parametrize("allowed", [{"A": {"image": "a"}}, {"A": None}, 3])
def test_allowed_images_that_are_not_names_are_refused(allowed):
    with pytest.raises((TraitError, SpawnFailed), match="allowed_images"):
        build(allowed_images=allowed)


def test_a_function_for_names_of_volumes_may_ask_for_the_escaped_name():
    spawner = build(format_volume_name=lambda text, spawner: text + spawner.escaped_name)
    assert spawner.fill_in_volume("v-") == "v-alice"


# ---- addresses of servers


@pytest.mark.parametrize("host_ip", ["0.0.0.0", "::", ""])
@pytest.mark.parametrize(
    ("engine", "host"),
    [
        ("tcp://engine.example.org:2376", "engine.example.org"),
        ("ssh://me@192.0.2.1", "192.0.2.1"),
        ("", "127.0.0.1"),
    ],
)
@pytest.mark.parametrize("where", ["client_kwargs", "environment"])
def test_ports_published_on_all_addresses_are_reached_at_the_engines_machine(
    host_ip, engine, host, where, monkeypatch
):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    if where == "environment" and engine:
        monkeypatch.setitem(os.environ, "DOCKER_HOST", engine)
    given = {"client_kwargs": {"base_url": engine}} if where == "client_kwargs" and engine else {}
    spawner = build(host_ip=host_ip, **given)
    published = {"8888/tcp": [{"HostIp": "0.0.0.0", "HostPort": "61000"}]}
    container = {
        "Config": {"Labels": {"plughub.port": "8888"}},
        "HostConfig": {"NetworkMode": "default", "PortBindings": published},
        "NetworkSettings": {"Ports": published, "Networks": {"bridge": {"IPAddress": "172.17.0.9"}}},
    }
    assert spawner.find_address(container) == (host, 61_000)
    assert spawner.certificate_names(some_given=False) == [host]


def test_ports_are_published_at_the_address_of_an_engine_that_has_a_name(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://localhost:2375")
    assert build().host_ip == "127.0.0.1"
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.invalid:2375")
    with pytest.raises(ValueError, match=r"set DockerSpawner\.host_ip"):
        _ = build().host_ip
    assert build(SwarmSpawner, host_ip="swarm.example.org").published_host == "swarm.example.org"


# ---- one setting each


@pytest.mark.parametrize(
    ("setting", "value", "read", "expected"),
    [
        ("cmd", ["run", "lab"], lambda container: container["Cmd"][:2], ["run", "lab"]),
        ("env_keep", ["OF_THE_HUB"], lambda container: environment(container).get("OF_THE_HUB"), "1"),
        (
            "ip",
            "10.0.0.9",
            lambda container: environment(container)["JUPYTERHUB_SERVICE_URL"].partition(":8888")[0],
            "http://10.0.0.9",
        ),
    ],
)
async def test_a_setting_shows_in_the_request_to_the_engine(monkeypatch, setting, value, read, expected):
    monkeypatch.setenv("OF_THE_HUB", "1")
    assert read((await sent(**{setting: value}))[0]) == expected


@pytest.mark.parametrize(
    ("setting", "value", "field", "expected"),
    [
        ("poll_interval", 7, "poll_interval", 7),
        ("prefix", "lab", "object_name", "lab-alice"),
        ("escape", lambda name: f"{name}.", "object_name", "jupyter-alice."),
        ("tls_config", {"verify": False}, "engine.tls_config", {"verify": False}),
        ("repository_folder", "/code/{username}", "repository_folder", "/code/{username}"),
    ],
)
def test_a_setting_shows_in_the_server(setting, value, field, expected):
    assert attrgetter(field)(build(**{setting: value})) == expected


async def test_options_are_read_from_the_form_as_configured():
    config = Config({"DockerSpawner": {"options_from_form": lambda form: {"size": form["size"][0]}}})
    hooks = SpawnerHooks(NAME, DockerSpawner, config)
    options = await hooks.hub_options_from_form(make_server("alice"), {"size": ["small"]}, False)
    assert options == {"size": "small"}
    await hooks._build(make_server("alice", options=options)).choose()  # type: ignore[attr-defined]


def test_the_interval_between_polls_of_a_swarm_reaches_the_hub():
    hooks = SpawnerHooks(NAME, SwarmSpawner, Config({"SwarmSpawner": {"poll_interval": 7}}))
    assert hooks.hub_spawner_info().poll_interval == 7


@pytest.mark.parametrize(
    ("setting", "value", "key", "expected"),
    [
        ("volume_driver", "nfs", "DriverConfig", {"Name": "nfs"}),
        (
            "volume_driver_options",
            {"o": "{username}"},
            "DriverConfig",
            {"Name": "local", "Options": {"o": "alice"}},
        ),
    ],
)
def test_a_setting_shows_in_the_volumes_of_a_swarm(setting, value, key, expected):
    settings = {"volume_driver": "local", "volumes": WORK, setting: value}
    spawner = build(SwarmSpawner, **settings)
    (mount,) = service_spec.task_template(spawner, [])["ContainerSpec"]["Mounts"]
    assert mount["VolumeOptions"][key] == expected


def test_the_time_to_stop_is_that_of_the_service_of_a_swarm():
    spawner = build(SwarmSpawner, stop_timeout=7)
    assert service_spec.task_template(spawner, [])["ContainerSpec"]["StopGracePeriod"] == 7_000_000_000


@pytest.mark.parametrize(
    ("setting", "value", "read", "expected"),
    [
        (
            "host_homedir_format_string",
            "/srv/{username}",
            lambda one: one.own_mounts()[-1]["source"],
            "/srv/daemon",
        ),
        (
            "image_homedir_format_string",
            "/u/{username}",
            lambda one: one.own_mounts()[-1]["target"],
            "/u/daemon",
        ),
        ("homedir_bind_propagation", "rslave", lambda one: one.own_mounts()[-1].get("propagation"), "rslave"),
        ("run_as_root", True, lambda one: one.own_arguments()["user"], "0"),
    ],
)
def test_a_setting_shows_in_the_container_of_a_system_user(setting, value, read, expected):
    given = {"host_homedir_format_string": "/home/{username}", setting: value}
    spawner = SpawnerHooks(NAME, SystemUserSpawner, Config({"SystemUserSpawner": given}))._build(
        make_server("daemon")
    )
    spawner.user_id = spawner.group_id = 1000  # type: ignore[attr-defined]
    assert read(spawner) == expected
