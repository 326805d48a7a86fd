"""Servers in containers that use TLS with hub and proxy."""

import asyncio
import json
import shutil

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.errors import PluginError
from plughub.testing.client import client_of
from plughub.testing.conditions import until
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.threads import ThreadPools
from plughub_docker.certificates import KEY_VARIABLE, CertificateFile, owner_of, packed
from plughub_docker.spawner import DockerSpawner
from plughub_docker.testing.images import PYTHON
from plughub_docker.testing.tls import REFUSED, Authorities, certificate_of, fetch, fetch_soon

docker = [pytest.mark.docker, pytest.mark.timeout(240)]
TINY = [PYTHON, "/opt/tiny_server.py"]
needs_chp = pytest.mark.skipif(
    shutil.which("configurable-http-proxy") is None, reason="configurable-http-proxy is missing"
)


@pytest.fixture
def authorities(tmp_path):
    return Authorities(tmp_path / "internal-ssl")


@pytest.fixture
async def spawners(tmp_path, prefix, tiny_image, authorities):
    """Factory of spawners whose hub uses internal TLS."""
    pools = ThreadPools()

    def make(server=None, *, tls=True, **settings):
        def plugin(*_):
            chosen = {"image": tiny_image, "cmd": TINY, "prefix": prefix, "remove": True, "stop_timeout": 1}
            hooks = SpawnerHooks(
                NAME, DockerSpawner, Config({"DockerSpawner": {**chosen, **settings}}), tmp_path
            )
            return authorities.configure(hooks, tmp_path) if tls else hooks

        return SpawnerUnderTest(plugin, server or make_server("alice"), pools)

    yield make
    pools.close()


def inside(engine, container, code):
    """Run Python inside a container, as the user of the server."""
    made = engine.exec_create(container, [PYTHON, "-c", code])
    wrote = engine.exec_start(made["Id"]).decode()
    assert engine.exec_inspect(made["Id"])["ExitCode"] == 0, wrote
    return wrote


def certificate_volumes(engine, container):
    return [one["Name"] for one in container["Mounts"] if one["Destination"] == "/certs"]


def volumes(engine):
    return {one["Name"] for one in engine.volumes()["Volumes"] or ()}


KEY = """
import os, stat
path = os.environ["JUPYTERHUB_SSL_KEYFILE"]
found = os.stat(path)
print(path, found.st_uid, oct(stat.S_IMODE(found.st_mode)))
print(open(path).read().splitlines()[1])
"""


class TestAServer:
    pytestmark = docker

    async def test_clients_without_certificate_are_refused_and_the_key_is_private(
        self, spawners, engine, authorities
    ):
        spawner = spawners()
        endpoint = await spawner.start()
        assert endpoint.url.startswith("https://127.0.0.1:")
        url = f"{endpoint.url}{spawner.server.prefix}api"
        facts = await asyncio.to_thread(fetch_soon, url, authorities.context)
        assert facts["user"] == "alice"
        for anonymous, address in ((authorities.anonymous, url), (None, url.replace("https:", "http:"))):
            with pytest.raises(REFUSED):
                await asyncio.to_thread(fetch, address, anonymous)
        assert (await spawner.inventory())[spawner.server.operation].url == endpoint.url

        container = engine.inspect_container(endpoint.state["object_id"])
        about, first_line = inside(engine, container["Id"], KEY).splitlines()
        assert about == "/certs/user-alice.key 1000 0o400"
        (volume,) = certificate_volumes(engine, container)
        said = json.dumps([container, engine.inspect_volume(volume), dict(endpoint.state)])
        assert first_line not in said
        assert not list(authorities.folder.folder.glob("user-alice/*.key"))

        await spawner.stop()
        assert volume not in volumes(engine)

    async def test_a_container_that_is_kept_gets_a_new_certificate_at_each_start(
        self, spawners, engine, authorities
    ):
        spawner = spawners(remove=False)
        first = await spawner.start()
        await asyncio.to_thread(fetch_soon, f"{first.url}/", authorities.context)
        shown = await asyncio.to_thread(certificate_of, first.url, authorities)
        await spawner.stop()
        spawner.new_hub()
        again = await spawner.start()
        assert again.state["object_id"] == first.state["object_id"]
        await asyncio.to_thread(fetch_soon, f"{again.url}/", authorities.context)
        assert await asyncio.to_thread(certificate_of, again.url, authorities) != shown
        await spawner.stop()

        without = spawners(spawner.server, tls=False, remove=False)
        with pytest.raises(PluginError, match="is kept"):
            await without.start()

    async def test_in_a_network_of_its_own_it_is_known_by_its_name(
        self, spawners, engine, authorities, prefix
    ):
        network = engine.create_network(prefix, driver="bridge")["Id"]
        read_only = {"extra_host_config": {"read_only": True}}
        spawner = spawners(network_name=prefix, certs_volume_name="{prefix}-ssl-{username}", **read_only)
        try:
            endpoint = await spawner.start()
            assert endpoint.url == f"https://{prefix}-alice:8888"
            assert f"{prefix}-ssl-alice" in volumes(engine)
            container = endpoint.state["object_id"]
            address = engine.inspect_container(container)["NetworkSettings"]["Networks"][prefix]["IPAddress"]
            assert (await spawner.inventory())[spawner.server.operation].url == endpoint.url

            async def shown():
                try:
                    name = f"{prefix}-alice"
                    return await asyncio.to_thread(
                        certificate_of, f"https://{address}:8888", authorities, name
                    )
                except REFUSED:
                    return None

            assert await until(shown, seconds=60)
            await spawner.stop()
            assert f"{prefix}-ssl-alice" not in volumes(engine)
        finally:
            await spawner.stop(now=True)
            engine.remove_network(network)

    async def test_the_volume_of_a_removed_container_is_removed_when_the_server_stops(
        self, spawners, engine, prefix
    ):
        spawner = spawners(certs_volume_name="{prefix}-ssl-{username}")
        endpoint = await spawner.start()
        engine.remove_container(endpoint.state["object_id"], force=True, v=True)
        assert f"{prefix}-ssl-alice" in volumes(engine)
        spawner.new_hub()
        await spawner.stop()
        assert f"{prefix}-ssl-alice" not in volumes(engine)

    async def test_a_start_whose_address_cannot_be_known_is_refused(self, spawners):
        with pytest.raises(PluginError, match="use_internal_hostname"):
            await spawners(use_internal_ip=True).start()


def config_of(gateway, prefix, image, more=""):
    return f"""
c.JupyterHub.internal_ssl = True
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 120}}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.Authenticator.allow_all = True
c.DockerSpawner.image = {image!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.remove = True
c.DockerSpawner.stop_timeout = 2
c.Spawner.http_timeout = 90
{more}
"""


@pytest.mark.docker
@pytest.mark.node
@pytest.mark.timeout(300)
@needs_chp
def test_a_notebook_server_speaks_tls_with_hub_and_proxy_also_after_a_kill(
    engine, gateway, prefix, lab_image, tmp_path
):
    config = config_of(gateway, prefix, lab_image)
    with HubProcess(tmp_path, "--plugins", "docker,dummy,chp", config=config) as hub:
        call = client_of(hub, "alice")
        call("POST", "/users/alice/server", {})
        call.until("/users/alice", lambda user: user["servers"].get("", {}).get("ready"), 120)
        (listed,) = engine.containers(filters={"name": f"^/{prefix}-alice$"})
        container = engine.inspect_container(listed["Id"])
        words = dict(word.split("=", 1) for word in container["Config"]["Env"])
        assert words[KEY_VARIABLE] == "/certs/user-alice.key"

        hub.kill()
        hub.start()
        call = client_of(hub, "alice")
        call.until("/users/alice", lambda user: user["servers"].get("", {}).get("ready"))
        assert engine.inspect_container(listed["Id"])["State"]["Running"]
        assert "version" in fetch_soon(f"{hub.url}user/alice/api", None)
        # To authenticate the request, the server sends one to the hub over TLS.
        headers = {"Authorization": f"token {words['JUPYTERHUB_API_TOKEN']}"}
        assert "kernels" in fetch_soon(f"{hub.url}user/alice/api/status", None, headers)

        assert call("DELETE", "/users/alice/server").status in {202, 204}
        call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
        assert not volumes(engine) & set(certificate_volumes(engine, container))


# ---- owner of the key

ACCOUNTS = "root:x:0:0::/root:/bin/sh\nbroken\njovyan:x:1234:100::/home/jovyan:/bin/sh\n"


@pytest.mark.parametrize(
    ("user", "environment", "owner"),
    [
        ("1000:1000", [], 1000),
        ("1000", ["NB_UID=5"], 1000),
        ("jovyan:users", [], 1234),
        ("nobody-knows", [], None),
        ("broken", [], None),
        ("", [], 0),
        ("root", ["NB_UID=1007"], 1007),
        ("0:0", ["NB_UID=many"], 0),
    ],
)
def test_the_key_belongs_to_the_user_that_the_server_runs_as(user, environment, owner):
    assert owner_of(user, environment, lambda: ACCOUNTS) == owner


def test_a_key_is_private_if_its_user_is_known_and_is_never_shown():
    key = CertificateFile("user-a.key", b"very secret", secret=True)
    assert (key.mode(1000), key.mode(0), key.mode(None)) == (0o400, 0o400, 0o444)
    assert CertificateFile("user-a.crt", b"open", secret=False).mode(1000) == 0o444
    assert "very" not in repr(key)
    assert b"very secret" in packed([key], 1000)
