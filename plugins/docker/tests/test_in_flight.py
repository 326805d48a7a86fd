"""Requests that the engine carries out after the hub that made them was killed."""

import asyncio
import contextlib
import threading

import pytest

from plughub.errors import PluginError
from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess
from plughub_docker.testing.relay import Relay

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]
CREATE = "/containers/create"
CREATE_SERVICE = "/services/create"
HELD = 90
"""Maximum seconds that a request is delayed."""


class HeldRequests:
    """Delays the first request until the second arrives, which waits for it: the first one wins."""

    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.came, self.second, self.done = threading.Event(), threading.Event(), threading.Event()
        self.statuses = []

    def before(self, method, path):
        if self.path not in path or method != "POST":
            return
        with self.lock:
            first = not self.came.is_set()
            self.came.set()
        if first:
            self.second.wait(HELD)
        else:
            self.second.set()
            self.done.wait(HELD)

    def after(self, method, path, status):
        if self.path in path and method == "POST":
            self.statuses.append(status)
            self.done.set()


def config_of(plugin, name, image, probe, prefix, gateway, url):
    return f"""
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0, "slow_stop_timeout": 0}}
c.JupyterHub.lease_seconds = 3
c.Authenticator.allow_all = True
c.{name}.image = {image!r}
c.{name}.cmd = {probe!r}
c.{name}.prefix = {prefix!r}
c.{name}.stop_timeout = 2
c.{name}.remove = True
c.{name}.client_kwargs = {{"base_url": {url!r}}}
c.Spawner.http_timeout = 60
"""


@contextlib.contextmanager
def killed_in_flight(tmp_path, plugin, name, path, *settings):
    """Kill a hub while the engine executes its request, and return the statuses of all such requests."""
    held = HeldRequests(path)
    with Relay(tmp_path, before=held.before, after=held.after) as relay:
        config = config_of(plugin, name, *settings, relay.url)  # type: ignore[call-arg]
        with HubProcess(tmp_path / "hub", "--plugins", f"{plugin},dummy", config=config) as hub:
            call = client_of(hub, "alice")
            assert call("POST", "/users/alice/server", {}).status == 202
            assert held.came.wait(60)
            assert call("GET", "/user").seconds < HELD / 2, "the hub waits for the engine"
            hub.kill()
            hub.start()
            call.until("/users/alice", lambda user: user["servers"].get("", {}).get("ready"), 120)
            yield held.statuses
            assert call("DELETE", "/users/alice/server").status in {202, 204}
            call.until("/users/alice", lambda user: not user["servers"], 60)


def test_a_container_created_after_its_hub_was_killed_is_replaced_by_the_continued_start(
    tmp_path, engine, tiny_image, probe, prefix, gateway
):
    settings = (tiny_image, probe, prefix, gateway)
    with killed_in_flight(tmp_path, "docker", "DockerSpawner", CREATE, *settings) as statuses:
        assert statuses[:2] == [201, 409]
        (one,) = engine.containers(all=True, filters={"name": f"^/{prefix}-"})
        assert one["State"] == "running"
    assert engine.containers(all=True, filters={"name": f"^/{prefix}-"}) == []


def test_a_service_created_after_its_hub_was_killed_is_replaced_by_the_continued_start(
    tmp_path, swarm, tiny_image, probe, swarm_prefix, gateway
):
    settings = (tiny_image, probe, swarm_prefix, gateway)
    with killed_in_flight(tmp_path, "swarm", "SwarmSpawner", CREATE_SERVICE, *settings) as statuses:
        assert statuses[:2] == [201, 409]
        assert len(swarm.services(filters={"name": swarm_prefix})) == 1
    assert swarm.services(filters={"name": swarm_prefix}) == []


async def test_a_start_waits_for_a_name_that_is_about_to_be_free(
    tmp_path, engine, spawners, tiny_image, prefix
):
    name, removed = f"{prefix}-alice", []

    def before(method, path):
        if CREATE in path and not removed:
            removed.append(engine.create_container(tiny_image, ["any"], name=name)["Id"])

    def after(method, path, status):
        if status == 409:
            engine.remove_container(removed[0])

    with Relay(tmp_path, before=before, after=after) as relay:
        spawner = spawners(client_kwargs={"base_url": relay.url})
        await spawner.start()
        assert (await spawner.facts())["environment"]["JUPYTERHUB_USER"] == "alice"
        await spawner.stop()


async def test_a_start_cancelled_while_it_waits_for_a_name_creates_nothing(
    tmp_path, engine, spawners, tiny_image, prefix
):
    name, others, waits, over = f"{prefix}-alice", [], threading.Event(), threading.Event()

    def before(method, path):
        if CREATE in path and not over.is_set():
            others.append(engine.create_container(tiny_image, ["any"], name=name)["Id"])

    def after(method, path, status):
        if status == 409:
            engine.remove_container(others.pop())
            waits.set()

    with Relay(tmp_path, before=before, after=after) as relay:
        one_thread = {"client_kwargs": {"base_url": relay.url}, "concurrent_launches": 1}
        spawner, next_one = spawners(**one_thread), spawners(username="bob", **one_thread)
        start = asyncio.ensure_future(spawner.start())
        assert await asyncio.to_thread(waits.wait, 60)
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        await spawner.stop(now=True)
        over.set()
        await next_one.start()  # it waits until the thread has finished the first request
        await next_one.stop(now=True)
    assert engine.containers(all=True, filters={"name": f"^/{name}$"}) == []


async def test_a_name_taken_by_another_container_meanwhile_is_reported(
    tmp_path, engine, spawners, tiny_image, prefix
):
    def before(method, path):
        if CREATE in path:
            engine.create_container(tiny_image, ["any"], name=f"{prefix}-alice")

    with Relay(tmp_path, before=before) as relay:
        spawner = spawners(client_kwargs={"base_url": relay.url})
        with pytest.raises(PluginError, match="is already used by a container of another server"):
            await spawner.start()
        await spawner.stop()
    assert len(engine.containers(all=True, filters={"name": f"^/{prefix}-alice$"})) == 1
