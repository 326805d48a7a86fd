"""What a run of tests leaves on the machine when it is killed disappears, and nothing of another run does."""

import subprocess
import sys

import psutil
import pytest

from plughub.testing.conditions import wait_for
from plughub_docker.testing.engine_places import engine_place
from plughub_docker.testing.shared_engine import create_network_with_subnet, joined_swarm, remove_leftovers

pytestmark = [pytest.mark.docker]

KILLED = """
import os, signal, sys
from plughub_docker.testing.engine_places import engine_place
from plughub_docker.testing.images import build, python_paths
from plughub_docker.testing.own_engine import OwnEngine

with engine_place() as place:
    engine = OwnEngine(place)
    engine.start()
    image = build(engine.client, "plughub-tests-python", python_paths(), {}, [])
    engine.client.create_network("left", options={"com.docker.network.bridge.name": place.bridge_of("left")})
    host = engine.client.create_host_config(network_mode="left", restart_policy={"Name": "always"})
    made = engine.client.create_container(image, [sys.executable, "-c", "input()"], stdin_open=True, host_config=host)
    engine.client.start(made["Id"])
    pid = engine.client.inspect_container(made["Id"])["State"]["Pid"]
    print(place.number, pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def is_running(pid):
    """Return whether a process runs; one that ended but was not reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def dead_process():
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.root
@pytest.mark.timeout(180)
def test_an_engine_that_a_killed_run_has_left_ends_and_its_place_is_used_again(place):
    said = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
    number, pid = map(int, said.stdout.split())
    assert number != place.number, "this run has another place"
    assert psutil.pid_exists(pid), "its container runs"
    with engine_place([number]) as found:
        wait_for(lambda: not is_running(pid))
        assert list(found.folder.iterdir()) == []
        assert psutil.net_if_addrs().keys() >= {found.bridge, place.bridge}
        assert found.bridge_of("left") not in psutil.net_if_addrs()
        with pytest.raises(LookupError), engine_place([number]):
            pass
    assert not found.folder.exists()
    assert found.bridge not in psutil.net_if_addrs()


def test_only_what_processes_that_have_ended_left_is_removed(engine, tiny_image, prefix):
    ended = f"phtest{dead_process()}x0000"
    for name in (ended, prefix):
        engine.create_container(tiny_image, ["/opt/tiny_server.py"], name=f"{name}-alice")
        create_network_with_subnet(engine, name)
        engine.create_volume(name)
    remove_leftovers(engine)
    left = [name.strip("/") for one in engine.containers(all=True) for name in one["Names"]]
    left += [one["Name"] for one in [*engine.networks(), *engine.volumes()["Volumes"]]]
    assert [name for name in left if name.startswith(ended)] == []
    assert [name for name in left if name.startswith(prefix)] == [f"{prefix}-alice", prefix, prefix]
    engine.remove_network(prefix)


def test_a_run_neither_replaces_nor_leaves_the_swarm_of_another_one(swarm):
    ours = swarm.inspect_swarm()["ID"]
    with joined_swarm(swarm):
        assert swarm.inspect_swarm()["ID"] == ours
    assert swarm.inspect_swarm()["ID"] == ours
