"""Many simultaneous starts and stops, and a hub that is killed at random moments among them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub_docker.testing.kills import Launches, kill_randomly, ready, request_all

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
PEOPLE = [f"person{number}" for number in range(50)]
LEAVING, STAYING = PEOPLE[::2], PEOPLE[1::2]


@pytest.fixture
def hub(tmp_path, gateway, tiny_image, prefix, probe):
    config = f"""
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0, "slow_stop_timeout": 0}}
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


def containers(engine, prefix):
    return engine.containers(all=True, filters={"name": f"^/{prefix}-"})


def running(engine, prefix):
    found = containers(engine, prefix)
    assert len(found) == len({one["Labels"]["plughub.user"] for one in found}), "two containers of one user"
    return {one["Labels"]["plughub.user"] for one in found if one["State"] == "running"}


def test_a_hub_that_is_killed_at_random_moments_loses_no_container_and_starts_none_twice(
    hub, engine, prefix, chance
):
    with Launches(prefix) as launches, hub, ThreadPoolExecutor(1) as background:
        call = client_of(hub, "chief")
        assert call("POST", "/users", {"usernames": PEOPLE}).status == 201

        asked = background.submit(request_all, call, "POST", PEOPLE)
        kill_randomly(hub, chance, 3)
        assert asked.result() <= {201, 202, 400}
        wait_for(lambda: ready(call) == set(PEOPLE), 150)
        assert running(engine, prefix) == set(PEOPLE)

        asked = background.submit(request_all, call, "DELETE", LEAVING)
        kill_randomly(hub, chance, 2)
        assert asked.result() <= {202, 204, 400, 404}
        wait_for(lambda: ready(call) == set(STAYING), 150)
        wait_for(lambda: len(containers(engine, prefix)) == len(STAYING), 90)
        assert running(engine, prefix) == set(STAYING)

        wait_for(lambda: launches.count() >= len(PEOPLE))
        assert launches.duplicates() == []
    assert containers(engine, prefix) == []
