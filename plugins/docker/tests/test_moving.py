"""Servers whose engine or container is restarted: a route leads to its own server or nowhere."""

import http.client
import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import docker
import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.testing import probe_server
from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.contracts.spawner import NAME, MovingServersContract, SpawnerUnderTest, make_server
from plughub.testing.hub import HubProcess
from plughub.threads import ThreadPools
from plughub_docker.spawner import DockerSpawner
from plughub_docker.testing.images import build, python_paths
from plughub_docker.testing.own_engine import OwnEngine

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.timeout(180)]

PEOPLE = ("alice", "bob", "carol")
RESTARTED = {"restart_policy": {"Name": "always"}}


@pytest.fixture(scope="module")
def own(place):
    """An engine that stops its containers with it and starts them again."""
    engine = OwnEngine(place)
    engine.start()
    yield engine
    for container in engine.client.containers(all=True):
        engine.client.remove_container(container["Id"], force=True)
    engine.stop()


@pytest.fixture(scope="module")
def image(own):
    files = {"/opt/probe_server.py": Path(probe_server.__file__).read_bytes()}
    return build(own.client, "plughub-tests-tiny", python_paths(), files, ["USER 1000:1000"])


@pytest.fixture
def subnet(request, place):
    """Of the network; chosen by the engine when None."""
    return {"fixed addresses": place.subnet}.get(getattr(request, "param", ""))


@pytest.fixture
def network(own, subnet, place):
    name = f"ph{secrets.token_hex(4)}"
    bridge = {"com.docker.network.bridge.name": place.bridge_of(secrets.token_hex(4))}
    pool = docker.types.IPAMPool(subnet=subnet)
    ipam = docker.types.IPAMConfig(pool_configs=[pool]) if subnet else None
    own.client.create_network(name, driver="bridge", ipam=ipam, options=bridge)
    yield name
    for container in own.client.containers(all=True):
        own.client.remove_container(container["Id"], force=True)
    own.client.remove_network(name)


@pytest.fixture
def shift(own, image, probe, network):
    """Restart the engine so that every container gets another address."""
    taking = {"host_config": own.client.create_host_config(network_mode=network)}
    first = own.client.create_container(image, [*probe, "--deaf"], **taking)["Id"]
    own.client.start(first)

    def restart():
        own.client.remove_container(first, force=True)
        own.stop()
        own.start()

    return restart


@pytest.fixture
def settings(own, image, probe, network):
    return {
        "client_kwargs": {"base_url": own.address},
        "image": image,
        "cmd": probe,
        "prefix": f"ph{secrets.token_hex(4)}",
        "remove": True,
        "network_name": network,
        "extra_host_config": RESTARTED,
        "stop_timeout": 1,
    }


class TestInANetworkOfTheirOwn(MovingServersContract):
    @pytest.fixture
    def pools(self):
        pools = ThreadPools()
        yield pools
        pools.close()

    @pytest.fixture
    async def spawner(self, settings, tmp_path, pools):
        config = Config({"DockerSpawner": settings})
        tested = SpawnerUnderTest(
            lambda *_: SpawnerHooks(NAME, DockerSpawner, config, tmp_path), make_server("alice"), pools
        )
        yield tested
        await tested.stop(now=True)

    @pytest.fixture
    def restart_backend(self, shift):
        async def restart(spawner):
            shift()

        return restart

    async def test_a_name_that_resolves_to_another_address_is_resolved_again(
        self, settings, spawner, tmp_path, pools, shift, own
    ):
        config = Config({"DockerSpawner": {**settings, "use_internal_hostname": True}})
        spawner.make = lambda *_: SpawnerHooks(NAME, DockerSpawner, config, tmp_path)
        spawner.new_hub()
        endpoint = await spawner.start()
        assert await spawner.poll() is None
        shift()
        spawner.new_hub()
        assert not await spawner.verifies()
        answer = await spawner.poll()
        assert answer.url == "", "each proxy forgets what the name stood for"
        await spawner.follow()
        assert spawner.server.url == endpoint.url
        (container,) = own.client.containers()
        (present,) = container["NetworkSettings"]["Networks"].values()
        assert spawner.server.state["address"] == present["IPAddress"]


def ask(hub, name):
    """Return the user whose server answers; None without an answer."""
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc, timeout=5)
    try:
        connection.request("GET", f"/user/{name}/api")
        answer = connection.getresponse()
        content = answer.read()
        return json.loads(content)["environment"]["JUPYTERHUB_USER"] if answer.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("subnet", "layout"),
    [(one, one) for one in ("addresses", "fixed addresses", "ports")],
    indirect=["subnet"],
)
def test_routes_follow_their_servers_when_the_engine_is_restarted(own, shift, settings, tmp_path, layout):
    if layout == "ports":
        settings["network_name"] = "bridge"
    lines = [f"c.DockerSpawner.{name} = {value!r}" for name, value in settings.items()]
    lines += [
        "c.DockerSpawner.poll_interval = 60",  # this test reports the events of the engine itself
        "c.Authenticator.allow_all = True",
        "c.Authenticator.admin_users = {'alice'}",
        "c.JupyterHub.load_roles = [{'name': 'all', 'scopes': ['admin:users', 'admin:servers'], 'users': ['alice']}]",
    ]
    with HubProcess(tmp_path, "--plugins", "docker,dummy", config="\n".join(lines)) as hub:
        call = client_of(hub, "alice")
        call("POST", "/users", {"usernames": list(PEOPLE[1:])})
        for name in PEOPLE:
            assert call("POST", f"/users/{name}/server", {}).status in {201, 202}
            call.until(f"/users/{name}", lambda user: user["servers"].get("", {}).get("ready"))
        assert [ask(hub, name) for name in PEOPLE] == list(PEOPLE)
        shift()
        seen = set()

        def all_are_back():
            answers = [(name, ask(hub, name)) for name in PEOPLE]
            seen.update(answers)
            return all(name == owner for name, owner in answers)

        wait_for(all_are_back, seconds=30)
        assert {owner for name, owner in seen if owner not in {None, name}} == set()
        (bobs,) = own.client.containers(filters={"label": "plughub.user=bob"})
        own.client.stop(bobs["Id"], timeout=0)
        wait_for(lambda: ask(hub, "bob") is None, seconds=5)
        for name in PEOPLE:
            call("DELETE", f"/users/{name}/server")
            call.until(f"/users/{name}", lambda user: not user["servers"] and not user["pending"])
