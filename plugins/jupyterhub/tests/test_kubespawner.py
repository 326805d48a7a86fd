"""kubespawner, unmodified, with a stand-in of the Kubernetes API whose pods are processes of this machine."""

from __future__ import annotations

import subprocess
import sys
from http import HTTPStatus

import pytest
import requests

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.testing.probe_server import PROBE_SERVER

from .kubernetes import Cluster

pytestmark = pytest.mark.timeout(180)

TOKEN = "5d" * 16
HEADERS = {"Authorization": f"token {TOKEN}"}
CONFIG = """
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.KubeSpawner.cmd = {command!r}
c.KubeSpawner.port = {port}
c.KubeSpawner.image = "registry.example.org/lab:1"
c.KubeSpawner.mem_limit = "2G"
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.storage_capacity = "10Gi"
c.KubeSpawner.delete_pvc = True
c.KubeSpawner.profile_list = [
    {{"display_name": "Small", "slug": "small"}},
    {{"display_name": "Large", "slug": "large", "kubespawner_override": {{"cpu_limit": 4}}}},
]
c.Spawner.poll_interval = 1
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
c.JupyterHub.services = [{{"name": "tests", "api_token": "{token}"}}]
c.DummyAuthenticator.allow_all = True
"""


@pytest.fixture
def cluster():
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def run(tmp_path, cluster):
    """Function that runs a hub for the cluster with more settings, and arguments of the server."""

    def run(more="", *arguments):
        environment = {"KUBECONFIG": cluster.write_kubeconfig(tmp_path / "kubeconfig")}
        config = CONFIG.format(command=[*PROBE_SERVER, *arguments], port=free_port(), token=TOKEN) + more
        plugins = ("--plugins", "jupyterhub,dummy,haproxy")
        return HubProcess(tmp_path, *plugins, config=config, env=environment)

    return run


def client_of(hub):
    return ApiClient(hub.url, TOKEN)


def start(api, options=None):
    api("POST", "/users/ada")
    return api("POST", "/users/ada/server", options)


def server_of(api):
    return api("GET", "/users/ada").body["servers"].get("")


def is_ready(api):
    return (server_of(api) or {}).get("ready")


def pid_of(hub):
    return requests.get(f"{hub.url}user/ada/", headers=HEADERS).json()["pid"]


def test_a_profile_runs_in_a_pod_that_survives_the_hub_and_is_deleted(run, cluster):
    with run() as hub:
        api, ada = client_of(hub), FormClient(hub.url)
        assert 'value="large"' in ada.log_in("ada", to="/hub/spawn")
        refused = start(api, {"profile": "huge"})
        assert refused.status == HTTPStatus.BAD_REQUEST
        assert "huge" in refused.body["message"]
        assert "pods" not in cluster.created
        ada.submit("hub/spawn", profile="large")
        wait_for(lambda: is_ready(api))
        before = pid_of(hub)
        [claim], [pod] = cluster.created["persistentvolumeclaims"], cluster.created["pods"]
        assert (claim["metadata"]["name"], pod["metadata"]["name"]) == ("claim-ada", "jupyter-ada")
        assert claim["spec"]["resources"]["requests"]["storage"] == "10Gi"
        [container] = pod["spec"]["containers"]
        assert container["image"] == "registry.example.org/lab:1"
        assert container["resources"]["limits"] == {"cpu": 4, "memory": 2 * 1024**3}
        assert pod["metadata"]["labels"]["hub.jupyter.org/username"] == "ada"
        state = server_of(api)["state"]
        assert (state["pod_name"], state["pvc_name"]) == ("jupyter-ada", "claim-ada")

        hub.kill()
        hub.start()

        wait_for(lambda: is_ready(api))
        assert pid_of(hub) == before
        api("DELETE", "/users/ada/server")
        wait_for(lambda: not server_of(api))
        assert cluster.list("pods", "default", {})["items"] == []
        assert cluster.find("persistentvolumeclaims", "default", "claim-ada")
        api("DELETE", "/users/ada")
        wait_for(lambda: not cluster.find("persistentvolumeclaims", "default", "claim-ada"))


def test_a_user_sees_the_events_of_a_pod_that_waits_for_a_node(run, cluster):
    cluster.runs_pods = False
    with run("c.JupyterHub.tornado_settings = {'slow_spawn_timeout': 0}\n") as hub:
        api = client_of(hub)
        assert start(api).status == HTTPStatus.ACCEPTED
        wait_for(cluster.pods)
        cluster.add_event("jupyter-ada", "0/3 nodes are available: insufficient memory.")
        url = f"{hub.url}hub/api/users/ada/server/progress"
        with requests.get(url, headers=HEADERS, stream=True, timeout=30) as answer:
            lines = (line.decode() for line in answer.iter_lines(chunk_size=1))
            assert any("insufficient memory" in line for line in lines)
            cluster.run_pod(("default", "jupyter-ada"))
            assert any('"ready": true' in line for line in lines)
        assert is_ready(api)


def test_a_pod_that_gets_no_node_in_time_is_deleted(run, cluster):
    cluster.runs_pods = False
    with run("c.Spawner.start_timeout = 2\n") as hub:
        api = client_of(hub)
        start(api)
        wait_for(lambda: not server_of(api))
        assert len(cluster.created["pods"]) == 1
        assert cluster.pods() == []


def test_the_end_and_a_new_address_of_a_pod_are_noticed(run, cluster):
    with run() as hub:
        api, key = client_of(hub), ("default", "jupyter-ada")
        for end in (lambda: cluster.delete("pods", key), lambda: cluster.kill_process(key)):
            start(api)
            wait_for(lambda: is_ready(api))
            end()
            wait_for(lambda: not server_of(api))
            assert cluster.pods() == []
        start(api)
        wait_for(lambda: is_ready(api))
        before = pid_of(hub)
        address = cluster.move_pod(key)
        wait_for(lambda: f"//{address}:" in server_of(api)["state"]["plughub_url"])
        assert pid_of(hub) != before


def test_servers_run_on_while_the_api_is_away(run, cluster):
    with run() as hub:
        api = client_of(hub)
        start(api)
        wait_for(lambda: is_ready(api))
        before = pid_of(hub)
        cluster.stop()
        hub.kill()
        hub.start()
        wait_for(lambda: hub.stderr.count("Reflector with key ('pods', 'default') failed to start") > 2)
        assert "the hub cannot tell whether it is running" in server_of(api)["problem"]
        assert is_ready(api)

        cluster.start()

        wait_for(lambda: is_ready(api))
        assert pid_of(hub) == before
        assert len(cluster.created["pods"]) == 1
        api("DELETE", "/users/ada/server")
        wait_for(lambda: not server_of(api))
        assert cluster.pods() == []


def test_a_hub_that_is_killed_in_the_middle_of_a_start_replaces_the_pod(run, cluster):
    cluster.runs_pods = False
    with run("c.JupyterHub.tornado_settings = {'slow_spawn_timeout': 0}\n") as hub:
        api = client_of(hub)
        start(api)
        [first] = wait_for(cluster.pods)
        hub.kill()
        cluster.runs_pods = True
        hub.start()
        wait_for(lambda: is_ready(api))
        assert [pod["metadata"]["uid"] != first["metadata"]["uid"] for pod in cluster.pods()] == [True]


def test_a_reflector_that_wants_to_end_the_hub_fails_the_start_instead(run, cluster):
    with run("c.KubeSpawner.enable_user_namespaces = True\n") as hub:
        api = client_of(hub)
        cluster.refuses_lists = True
        assert start(api).status == HTTPStatus.INTERNAL_SERVER_ERROR
        assert "wanted to end the hub" in hub.stderr
        cluster.refuses_lists = False
        wait_for(lambda: not server_of(api))
        assert start(api).status == HTTPStatus.CREATED
        assert cluster.find("namespaces", "", "user-ada")
        [pod] = cluster.pods()
        assert pod["metadata"]["namespace"] == "user-ada"


REFLECTORS = """
import asyncio
from types import SimpleNamespace
from plughub_jupyterhub.reflectors import drop_failed_reflectors

async def main():
    end = asyncio.Event()
    def reflector(loaded, watch):
        future = asyncio.Future()
        if loaded is not None:
            future.set_exception(loaded) if isinstance(loaded, Exception) else future.set_result(loaded)
        return SimpleNamespace(first_load_future=future, watch_task=watch)
    ended, running = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(end.wait())
    await ended
    class Spawner:
        reflectors = {
            "failed to load": reflector(OSError("away"), None),
            "gave up": reflector(1, ended),
            "loads": reflector(None, None),
            "watches": reflector(1, running),
        }
    drop_failed_reflectors(Spawner)
    print(*Spawner.reflectors, sep=",")

    async def load():
        Spawner.reflectors["was cancelled"] = reflector(None, None)
        await end.wait()
    loading = asyncio.create_task(load())
    await asyncio.sleep(0)
    drop_failed_reflectors(Spawner)
    print(*Spawner.reflectors, sep=",")
    loading.cancel()
    await asyncio.wait([loading])
    drop_failed_reflectors(Spawner)
    print(*Spawner.reflectors, sep=",")
    end.set()

asyncio.run(main())
"""


def test_only_reflectors_that_no_longer_follow_the_cluster_are_replaced():
    made = subprocess.run([sys.executable, "-c", REFLECTORS], capture_output=True, text=True)
    assert made.stdout.splitlines() == ["loads,watches", "loads,watches,was cancelled", "loads,watches"]
    assert made.stderr == ""
