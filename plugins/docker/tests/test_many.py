"""Many starts at once, and a hub that is killed among them."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]
PEOPLE = [f"person{number}" for number in range(50)]


@pytest.fixture
def hub(tmp_path, gateway, tiny_image, prefix, probe):
    config = f"""
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.JupyterHub.lease_seconds = 3
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"chief"}}
c.DockerSpawner.image = {tiny_image!r}
c.DockerSpawner.cmd = {probe!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.remove = True
c.DockerSpawner.stop_timeout = 2
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 90
"""
    return HubProcess(tmp_path, "--plugins", "docker,dummy", config=config)


def operations(engine, prefix):
    found = engine.containers(all=True, filters={"name": f"^/{prefix}-"})
    return {one["Labels"]["plughub.user"]: one["Labels"]["plughub.operation"] for one in found}


def all_are_ready(call):
    models = call("GET", "/users?limit=200").body
    ready = {model["name"] for model in models if model["servers"].get("", {}).get("ready")}
    return ready >= set(PEOPLE)


def wait_for(condition, seconds=150):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come true in time"
        time.sleep(0.2)


def test_fifty_start_at_once_the_hub_is_killed_and_all_of_them_run_once(hub, engine, prefix):
    with hub:
        call = client_of(hub, "chief")
        assert call("POST", "/users", {"usernames": PEOPLE}).status == 201
        with ThreadPoolExecutor(10) as pool:
            asked = pool.map(lambda name: call("POST", f"/users/{name}/server", {}).status, PEOPLE)
            assert set(asked) <= {201, 202}
        wait_for(lambda: len(operations(engine, prefix)) >= 10)
        hub.kill()
        hub.start()
        call = client_of(hub, "chief")

        wait_for(lambda: all_are_ready(call))

        running = operations(engine, prefix)
        assert set(running) == set(PEOPLE)
        assert len(engine.containers(all=True, filters={"name": f"^/{prefix}-"})) == len(PEOPLE)
        assert len(set(running.values())) == len(PEOPLE)
    assert operations(engine, prefix) == {}
