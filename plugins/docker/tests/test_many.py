"""Many starts and stops at once, and a hub that is killed at random moments among them."""

import contextlib
import http.client
import os
import random
import secrets
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess
from plughub_docker.testing.waiting import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
PEOPLE = [f"person{number}" for number in range(50)]
LEAVING, STAYING = PEOPLE[::2], PEOPLE[1::2]
DOWN = (OSError, http.client.HTTPException, ValueError)
"""What is raised while the hub is down: nobody listens, or the proxy answers with a page."""
LONGEST_LIFE = 3.0


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


@pytest.fixture
def chance():
    """Random moments; those of a run that failed come again with PLUGHUB_SEED."""
    seed = int(os.environ.get("PLUGHUB_SEED") or secrets.randbelow(10**6))
    print(f"PLUGHUB_SEED={seed}")  # noqa: T201 - shown when the test fails
    return random.Random(seed)


def containers(engine, prefix):
    return engine.containers(all=True, filters={"name": f"^/{prefix}-"})


def running(engine, prefix):
    found = containers(engine, prefix)
    assert len(found) == len({one["Labels"]["plughub.user"] for one in found}), "two containers of one user"
    return {one["Labels"]["plughub.user"] for one in found if one["State"] == "running"}


def launches(engine, prefix, since):
    """List the starts to which the containers belong that were made since then, removed ones too."""
    events = engine.events(
        since=since, until=int(time.time()) + 1, filters={"type": "container", "event": "create"}, decode=True
    )
    facts = [event["Actor"]["Attributes"] for event in events]
    return [fact["plughub.operation"] for fact in facts if fact["name"].startswith(f"{prefix}-")]


def ask(call, method, names):
    """Ask for starts or stops, each until the hub has heard of it: it may be down just then."""

    def insist(name):
        while True:
            with contextlib.suppress(*DOWN):
                status = call(method, f"/users/{name}/server", {}).status
                if status < 500:
                    return status
            threading.Event().wait(0.1)

    with ThreadPoolExecutor(10) as pool:
        return set(pool.map(insist, names))


def ready(call):
    """List whose servers are ready; None when one is on its way, or the hub is down."""
    try:
        reply = call("GET", "/users?limit=200")
    except DOWN:
        return None
    models = reply.body if reply.status == 200 else []
    servers = {model["name"]: model["servers"] for model in models}
    if any(server["pending"] for found in servers.values() for server in found.values()):
        return None
    return {name for name, found in servers.items() if found.get("", {}).get("ready")}


def kill_now_and_then(hub, chance, times):
    for _ in range(times):
        threading.Event().wait(chance.uniform(0, LONGEST_LIFE))
        hub.kill()
        hub.start()


def test_a_hub_that_is_killed_at_random_moments_loses_no_container_and_starts_none_twice(
    hub, engine, prefix, chance
):
    since = int(time.time())
    with hub, ThreadPoolExecutor(1) as background:
        call = client_of(hub, "chief")
        assert call("POST", "/users", {"usernames": PEOPLE}).status == 201

        asked = background.submit(ask, call, "POST", PEOPLE)
        kill_now_and_then(hub, chance, 3)
        assert asked.result() <= {201, 202, 400}
        wait_for(lambda: ready(call) == set(PEOPLE), 150)
        assert running(engine, prefix) == set(PEOPLE)

        asked = background.submit(ask, call, "DELETE", LEAVING)
        kill_now_and_then(hub, chance, 2)
        assert asked.result() <= {202, 204, 400, 404}
        wait_for(lambda: ready(call) == set(STAYING), 150)
        wait_for(lambda: len(containers(engine, prefix)) == len(STAYING), 90)
        assert running(engine, prefix) == set(STAYING)

        twice = [launch for launch, times in Counter(launches(engine, prefix, since)).items() if times > 1]
        assert not twice
    assert containers(engine, prefix) == []
