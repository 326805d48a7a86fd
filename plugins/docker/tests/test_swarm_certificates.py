"""Servers on a swarm that use TLS with hub and proxy: their certificates are secrets of the swarm."""

import asyncio
import contextlib
import json
import shutil

import docker
import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.errors import PluginError
from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.threads import ThreadPools
from plughub_docker.swarm_spawner import SwarmSpawner
from plughub_docker.testing import crash_points
from plughub_docker.testing.images import PYTHON
from plughub_docker.testing.tls import REFUSED, Authorities, fetch, fetch_soon

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
TINY = [PYTHON, "/opt/tiny_server.py"]
KEY = """
import os, stat
path = os.environ["JUPYTERHUB_SSL_KEYFILE"]
found = os.stat(path)
print(path, found.st_uid, oct(stat.S_IMODE(found.st_mode)))
print(open(path).read().splitlines()[1])
"""


@pytest.fixture
def authorities(tmp_path):
    return Authorities(tmp_path / "internal-ssl")


@pytest.fixture
async def spawners(tmp_path, swarm_prefix, tiny_image, authorities):
    """Factory of spawners whose hub uses internal TLS; what they started is removed."""
    pools, made = ThreadPools(), []

    def make(**settings):
        def plugin(*_):
            chosen = {"image": tiny_image, "cmd": TINY, "prefix": swarm_prefix, "stop_timeout": 1}
            config = Config({"SwarmSpawner": {**chosen, **settings}})
            return authorities.configure(SpawnerHooks(NAME, SwarmSpawner, config, tmp_path), tmp_path)

        made.append(SpawnerUnderTest(plugin, make_server("alice"), pools))
        return made[-1]

    yield make
    for spawner in made:
        if spawner.endpoint:
            await spawner.stop(now=True)
    pools.close()


def secrets_of(swarm, user, mark=None):
    """Return the secrets of a user, of the hub with this mark or of any hub."""
    wanted = [f"plughub.user={user}", *([f"plughub.mark={mark}"] if mark else [])]
    return swarm.secrets(filters={"label": wanted})


def read_key(swarm, service):
    """Return path, owner and content of the key, as the server sees them."""
    (task,) = swarm.tasks(filters={"service": service})
    made = swarm.exec_create(task["Status"]["ContainerStatus"]["ContainerID"], [PYTHON, "-c", KEY])
    return swarm.exec_start(made["Id"]).decode().splitlines()


async def test_clients_without_certificate_are_refused_and_the_key_is_private(spawners, swarm, authorities):
    spawner = spawners()
    endpoint = await spawner.start()
    assert endpoint.url.startswith("https://")
    url = f"{endpoint.url}{spawner.server.prefix}api"
    assert (await asyncio.to_thread(fetch_soon, url, authorities.context))["user"] == "alice"
    for anonymous, address in ((authorities.anonymous, url), (None, url.replace("https:", "http:"))):
        with pytest.raises(REFUSED):
            await asyncio.to_thread(fetch, address, anonymous)
    assert (await spawner.inventory())[spawner.server.operation].url == endpoint.url

    service = swarm.inspect_service(endpoint.state["object_id"])
    made = secrets_of(swarm, "alice", spawner.server.mark)
    assert len(made) == 3
    about, first_line = read_key(swarm, service["ID"])
    assert about == "/run/secrets/user-alice.key 1000 0o400"
    (task,) = swarm.tasks(filters={"service": service["ID"]})
    container = swarm.inspect_container(task["Status"]["ContainerStatus"]["ContainerID"])
    assert first_line not in json.dumps([service, task, container, made, dict(endpoint.state)])

    await spawner.stop(now=True)
    assert secrets_of(swarm, "alice", spawner.server.mark) == []


async def test_the_key_is_readable_in_the_container_when_its_user_is_unknown(spawners, swarm, authorities):
    spawner = spawners(extra_container_spec={"user": "jovyan"})
    endpoint = await spawner.start()
    await asyncio.to_thread(fetch_soon, f"{endpoint.url}/", authorities.context)
    assert read_key(swarm, endpoint.state["object_id"])[0] == "/run/secrets/user-alice.key 0 0o444"
    await spawner.stop(now=True)


async def test_in_an_overlay_network_the_certificate_names_the_service(
    spawners, swarm, swarm_prefix, authorities
):
    network = swarm.create_network(swarm_prefix, driver="overlay")["Id"]
    spawner = spawners(network_name=swarm_prefix)
    try:
        endpoint = await spawner.start()
        assert endpoint.url == f"https://{swarm_prefix}-alice:8888"
        (task,) = swarm.tasks(filters={"service": endpoint.state["object_id"]})
        made = swarm.exec_create(
            task["Status"]["ContainerStatus"]["ContainerID"], [PYTHON, "-c", NAMES_OF_CERTIFICATE]
        )
        assert f"{swarm_prefix}-alice" in swarm.exec_start(made["Id"]).decode()
        await spawner.stop(now=True)
    finally:
        await asyncio.to_thread(wait_for, lambda: not swarm.services(filters={"name": swarm_prefix}))
        await asyncio.to_thread(wait_for, lambda: remove_network(swarm, network))


NAMES_OF_CERTIFICATE = """
import os, ssl
print(ssl._ssl._test_decode_cert(os.environ["JUPYTERHUB_SSL_CERTFILE"])["subjectAltName"])
"""


def remove_network(swarm, network):
    """Remove a network; its last container leaves it a moment after its end."""
    try:
        swarm.remove_network(network)
    except docker.errors.APIError as error:
        return error.status_code == 404
    return True


async def test_a_start_fails_at_once_when_the_engine_is_down(spawners):
    spawner = spawners(client_kwargs={"base_url": f"tcp://127.0.0.1:{free_port()}"})
    with pytest.raises(PluginError, match="cannot be reached: it is not running"):
        await spawner.start()
    await spawner.stop()


@pytest.fixture
def hub(tmp_path, gateway, swarm, swarm_prefix, tiny_image):
    config = f"""
c.JupyterHub.internal_ssl = True
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 120}}
c.JupyterHub.lease_seconds = 3
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.Authenticator.allow_all = True
c.SwarmSpawner.image = {tiny_image!r}
c.SwarmSpawner.cmd = {TINY!r}
c.SwarmSpawner.prefix = {swarm_prefix!r}
c.SwarmSpawner.stop_timeout = 1
c.Spawner.http_timeout = 90
{crash_points.CONFIG}
"""
    yield HubProcess(tmp_path, "--plugins", "swarm,dummy,chp", config=config)
    for secret in secrets_of(swarm, f"{swarm_prefix}-user"):
        swarm.remove_secret(secret["ID"])


def is_ready(user):
    return user["servers"].get("", {}).get("ready")


def is_gone(user):
    return not user["servers"] and not user["pending"]


@pytest.mark.node
@pytest.mark.skipif(
    shutil.which("configurable-http-proxy") is None, reason="configurable-http-proxy is missing"
)
def test_a_hub_that_dies_between_secrets_and_service_leaves_no_orphans(hub, swarm, swarm_prefix):
    user = f"{swarm_prefix}-user"

    def ask(method, dies_after, holds):
        crash_points.die_after(hub, dies_after)
        with contextlib.suppress(OSError, ValueError):
            client_of(hub, user)(method, f"/users/{user}/server", {})
        crash_points.restart_after_death(hub)
        client_of(hub, user).until(f"/users/{user}", holds, 120)

    def operations():
        services = swarm.services(filters={"label": f"plughub.user={user}"})
        return [
            sorted(one["Spec"]["Labels"]["plughub.operation"] for one in found)
            for found in (secrets_of(swarm, user), services)
        ]

    def belong_together():
        secrets, services = operations()
        return len(services) == 1 and secrets == services * 3

    with hub:
        for start, stop in (("create_secret", "remove_service"), ("create_service", "remove_secret")):
            ask("POST", start, is_ready)
            wait_for(belong_together, 120)
            assert fetch_soon(f"{hub.url}user/{user}/api", None)["user"] == user
            ask("DELETE", stop, is_gone)
            assert operations() == [[], []]
