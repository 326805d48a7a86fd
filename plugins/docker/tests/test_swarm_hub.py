"""A hub whose servers are swarm services: killed, and started again."""

import json
import secrets
import urllib.request

import pytest

from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]


@pytest.fixture
def hub(tmp_path, gateway, swarm_prefix, tiny_image, probe):
    config = f"""
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 60}}
c.JupyterHub.lease_seconds = 3
c.Authenticator.allow_all = True
c.SwarmSpawner.image = {tiny_image!r}
c.SwarmSpawner.cmd = {probe!r}
c.SwarmSpawner.prefix = {swarm_prefix!r}
c.SwarmSpawner.stop_timeout = 2
c.Spawner.http_timeout = 60
"""
    return HubProcess(tmp_path, "--plugins", "swarm,dummy", config=config)


def services(swarm, prefix):
    return {one["Spec"]["Name"]: one for one in swarm.services(filters={"name": prefix})}


def test_a_service_is_adopted_after_the_hub_was_killed_and_orphans_are_removed(
    hub, swarm, swarm_prefix, probe
):
    mine, lost = f"{swarm_prefix}-alice", f"{swarm_prefix}-bob"
    with hub:
        call = client_of(hub, "alice")
        assert call("POST", "/users/alice/server", {}).status == 201
        before = services(swarm, swarm_prefix)[mine]
        labels = {
            **before["Spec"]["Labels"],
            "plughub.user": "bob",
            "plughub.operation": secrets.token_hex(8),
        }
        swarm.create_service(before["Spec"]["TaskTemplate"], name=lost, labels=labels)
        hub.kill()
        hub.start()

        call.until("/users/alice", lambda user: user["servers"].get("", {}).get("ready"))
        call.until("/users/alice", lambda _: lost not in services(swarm, swarm_prefix))
        assert services(swarm, swarm_prefix)[mine]["ID"] == before["ID"]
        with urllib.request.urlopen(f"{hub.url}user/alice/api", timeout=10) as answer:
            assert json.load(answer)["environment"]["JUPYTERHUB_USER"] == "alice"

        task = swarm.tasks(filters={"service": mine})[0]
        made = swarm.exec_create(task["Status"]["ContainerStatus"]["ContainerID"], [probe[0], "-c", ASK])
        assert '"alice"' in swarm.exec_start(made["Id"]).decode()

        assert call("DELETE", "/users/alice/server").status in {202, 204}
        call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
        assert services(swarm, swarm_prefix) == {}


ASK = (
    "import os, urllib.request as r;"
    "q = r.Request(os.environ['JUPYTERHUB_API_URL'] + '/user',"
    " headers={'Authorization': 'token ' + os.environ['JUPYTERHUB_API_TOKEN']});"
    "print(r.urlopen(q, timeout=10).read().decode())"
)
