"""Starts and stops of services, and a hub that is killed at random moments among them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub_docker.testing.kills import Launches, kill_randomly, ready, request_all

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
PEOPLE = [f"person{number}" for number in range(12)]
LEAVING, STAYING = PEOPLE[::2], PEOPLE[1::2]


@pytest.fixture
def hub(tmp_path, gateway, swarm_prefix, tiny_image, probe):
    config = f"""
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0, "slow_stop_timeout": 0}}
c.JupyterHub.lease_seconds = 3
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"chief"}}
c.SwarmSpawner.image = {tiny_image!r}
c.SwarmSpawner.cmd = {probe!r}
c.SwarmSpawner.prefix = {swarm_prefix!r}
c.SwarmSpawner.stop_timeout = 2
c.SwarmSpawner.pending_timeout = 90
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 90
"""
    return HubProcess(tmp_path, "--plugins", "swarm,dummy", config=config)


def services(swarm, prefix):
    found = swarm.services(filters={"name": prefix})
    assert len(found) == len({user_of(one) for one in found}), "two services of one user"
    return {user_of(one) for one in found}


def running(swarm, prefix):
    """List users with a running container; one of a removed service may still be ending."""
    return sorted(one["Labels"]["plughub.user"] for one in swarm.containers(filters={"name": f"^/{prefix}-"}))


def user_of(service):
    return service["Spec"]["Labels"]["plughub.user"]


def test_a_hub_that_is_killed_at_random_moments_loses_no_service_and_starts_none_twice(
    hub, swarm, swarm_prefix, chance
):
    with Launches(swarm_prefix) as launches, hub, ThreadPoolExecutor(1) as background:
        call = client_of(hub, "chief")
        assert call("POST", "/users", {"usernames": PEOPLE}).status == 201

        asked = background.submit(request_all, call, "POST", PEOPLE)
        kill_randomly(hub, chance, 3)
        assert asked.result() <= {201, 202, 400}
        wait_for(lambda: ready(call) == set(PEOPLE), 150)
        assert services(swarm, swarm_prefix) == set(PEOPLE)
        wait_for(lambda: running(swarm, swarm_prefix) == sorted(PEOPLE), 90)

        asked = background.submit(request_all, call, "DELETE", LEAVING)
        kill_randomly(hub, chance, 2)
        assert asked.result() <= {202, 204, 400, 404}
        wait_for(lambda: ready(call) == set(STAYING), 150)
        wait_for(lambda: services(swarm, swarm_prefix) == set(STAYING), 90)
        wait_for(lambda: running(swarm, swarm_prefix) == sorted(STAYING), 90)

        wait_for(lambda: launches.count() >= len(PEOPLE))
        assert launches.duplicates() == []
    assert services(swarm, swarm_prefix) == set()
