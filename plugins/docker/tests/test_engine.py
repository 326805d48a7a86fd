"""An engine of the test's own: restarted while servers run, and reached over TLS."""

import secrets
import subprocess
from pathlib import Path

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.errors import PluginError
from plughub.testing import probe_server
from plughub.testing.client import client_of
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.threads import ThreadPools
from plughub_docker.spawner import DockerSpawner
from plughub_docker.swarm_spawner import SwarmSpawner
from plughub_docker.testing.images import build, python_paths
from plughub_docker.testing.own_engine import OwnEngine

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def keys(place):
    """Certificates for the engine and its clients; each is its own authority."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for name in ("server", "client"):
        about = ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-addext", f"extendedKeyUsage={name}Auth", "-keyout", f"{name}-key.pem"]
        made = [*command, *about, *files, "-out", f"{name}.pem"]
        subprocess.run(made, cwd=place.folder, check=True, capture_output=True)
    return place.folder


@pytest.fixture(scope="module")
def own(place, keys, port):
    """A second engine, reached by its socket, and over TLS with a client certificate."""
    tls = [
        "--tlsverify",
        "--tlscacert",
        "client.pem",
        "--tlscert",
        "server.pem",
        "--tlskey",
        "server-key.pem",
    ]
    tls = [f"{keys}/{word}" if word.endswith(".pem") else word for word in tls]
    engine = OwnEngine(place, *tls, "-H", f"tcp://127.0.0.1:{port}", "--live-restore")
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
def settings(image, probe):
    """Settings of a server in the network of the machine."""
    return {
        "image": image,
        "cmd": probe,
        "prefix": f"ph{secrets.token_hex(4)}",
        "remove": True,
        "network_name": "host",
        "ip": "127.0.0.1",
        "port": free_port(),
        "stop_timeout": 2,
    }


@pytest.fixture
async def spawners(tmp_path):
    pools = ThreadPools()

    def make(spawner_class=DockerSpawner, **settings):
        config = Config({"DockerSpawner": settings})
        return SpawnerUnderTest(
            lambda: SpawnerHooks(NAME, spawner_class, config, tmp_path), make_server("alice"), pools
        )

    yield make
    pools.close()


def tls(keys):
    return {
        "client_cert": (f"{keys}/client.pem", f"{keys}/client-key.pem"),
        "ca_cert": f"{keys}/server.pem",
        "verify": True,
    }


async def test_a_remote_engine_is_used_by_tls(spawners, settings, keys, port, own):
    address = {"base_url": f"https://127.0.0.1:{port}"}
    spawner = spawners(**settings, client_kwargs=address, tls_config=tls(keys))
    await spawner.start()
    assert (await spawner.facts())["environment"]["JUPYTERHUB_USER"] == "alice"
    assert spawner.server.operation in await spawner.inventory()
    await spawner.stop()
    assert own.client.containers(all=True) == []


async def test_a_remote_engine_may_be_named_by_the_environment_of_the_hub(
    spawners, settings, keys, port, own, tmp_path, monkeypatch
):
    for name, file in (("ca", "server"), ("cert", "client"), ("key", "client-key")):
        tmp_path.joinpath(f"{name}.pem").symlink_to(keys / f"{file}.pem")
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    spawner = spawners(**settings)
    endpoint = await spawner.start()
    assert [one["Id"] for one in own.client.containers()] == [endpoint.state["object_id"]]
    await spawner.stop()
    assert own.client.containers(all=True) == []


async def test_a_missing_certificate_for_the_engine_is_reported(spawners, settings, keys, port):
    stranger = {**tls(keys), "client_cert": (f"{keys}/server.pem", f"{keys}/server-key.pem")}
    for chosen in (stranger, {"verify": False}):
        spawner = spawners(
            **settings, client_kwargs={"base_url": f"https://127.0.0.1:{port}"}, tls_config=chosen
        )
        with pytest.raises(PluginError, match=f"the Docker engine at https://127.0.0.1:{port} cannot be"):
            await spawner.start()


async def test_an_engine_that_is_not_a_swarm_manager_is_reported(spawners, settings, own):
    spawner = spawners(SwarmSpawner, **settings, client_kwargs={"base_url": own.address})
    with pytest.raises(PluginError, match="is not a swarm manager: run docker swarm init"):
        await spawner.start()


@pytest.mark.parametrize("survives", [True, False])
def test_an_engine_is_restarted_while_servers_run(own, settings, tmp_path, *, survives):
    lines = [f"c.DockerSpawner.{name} = {value!r}" for name, value in settings.items()]
    lines += [
        f"c.DockerSpawner.client_kwargs = {{'base_url': {own.address!r}}}",
        "c.DockerSpawner.poll_interval = 1",
        "c.Authenticator.allow_all = True",
    ]
    with HubProcess(tmp_path, "--plugins", "docker,dummy", config="\n".join(lines)) as hub:
        call = client_of(hub, "alice")
        assert call("POST", "/users/alice/server", {}).status == 201
        (before,) = own.client.containers()
        own.stop()
        call.until("/users/alice", lambda _: "cannot be reached" in hub.stderr)
        assert call("GET", "/users/alice").body["servers"][""]["ready"], "unknown is not stopped"
        if not survives:
            kill_container(before)
        own.start()
        if survives:
            (after,) = own.client.containers()
            assert after["Id"] == before["Id"]
            assert call("GET", "/users/alice").body["servers"][""]["ready"]
        else:
            call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
            assert own.client.containers(all=True) == []
            assert call("POST", "/users/alice/server", {}).status == 201
        assert call("DELETE", "/users/alice/server").status in {202, 204}
        call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
        assert own.client.containers(all=True) == []


def kill_container(container):
    """End the process of a container whose engine is down."""
    for process in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if container["Id"] in process.read_text():
                subprocess.run(["kill", "-9", process.parent.name], check=False)
        except OSError:
            continue
