"""Diagnoses of containers that ended or restart repeatedly, and of servers found after a hub was killed."""

import pytest

from plughub.kinds import Moved
from plughub.testing.conditions import wait_for
from plughub_docker.containers import will_restart
from plughub_docker.diagnosis import diagnose

OOM = "out of memory"
AGAIN = "and was restarted 4 times"


def container(count=0, limit=64 << 20, **state):
    policy = {"Name": "always" if count else ""}
    return {
        "State": {"Running": False, "ExitCode": 0, "OOMKilled": False, **state},
        "RestartCount": count,
        "HostConfig": {"Memory": limit, "RestartPolicy": policy, "NetworkMode": "bridge"},
        "Config": {"Env": ["JUPYTERHUB_API_URL=http://172.17.0.1:8081/hub/api"]},
    }


RESTARTING = {"Running": True, "Restarting": True}
SAID = {
    "the server itself was killed": (container(ExitCode=137, OOMKilled=True), OOM, ""),
    "the server was killed otherwise": (container(ExitCode=137), "", OOM),
    "it ended well after a child was killed": (container(OOMKilled=True), "", OOM),
    "it failed after a child was killed": (container(ExitCode=1, OOMKilled=True), "", OOM),
    "it runs, and a child was killed": (container(Running=True, OOMKilled=True), "one of its processes", OOM),
    "it is about to be restarted": (
        container(count=4, ExitCode=3, **RESTARTING),
        f"ended with exit code 3 {AGAIN}",
        "runs",
    ),
    "it has been restarted": (
        container(count=4, Running=True),
        f"the server ended {AGAIN}",
        "nothing answers",
    ),
    "it was killed again and again": (
        container(count=4, ExitCode=137, OOMKilled=True, **RESTARTING),
        OOM,
        "",
    ),
    "all tries are used up": (container(count=4, ExitCode=3), f"exit code 3 {AGAIN}", ""),
}


@pytest.mark.parametrize(("seen", "said", "unsaid"), SAID.values(), ids=SAID)
def test_a_diagnosis_claims_only_what_the_engine_reports(seen, said, unsaid):
    found = diagnose(seen, 8888)
    text = found.message if found else ""
    assert said in text
    assert not unsaid or unsaid not in text


@pytest.mark.parametrize(("count", "comes"), [(1, True), (3, False)])
def test_a_container_without_retries_left_is_not_expected_to_restart(count, comes):
    seen = container(count=count, ExitCode=3, Status="exited", FinishedAt="2999-01-01T00:00:00Z")
    seen["HostConfig"]["RestartPolicy"] = {"Name": "on-failure", "MaximumRetryCount": 3}
    assert will_restart(seen) is comes


CHILD_EATS = """
import os, runpy, subprocess, sys
eater = "x = [bytearray(1 << 20) for _ in range(500)]"
print("child:", subprocess.run([sys.executable, "-c", eater]).returncode, flush=True)
sys.exit(0)
"""


@pytest.mark.docker
async def test_a_server_that_exits_cleanly_after_a_child_was_killed_was_not_out_of_memory(
    spawners, engine, probe
):
    spawner = spawners(cmd=[probe[0], "-c", CHILD_EATS], mem_limit="48M")
    endpoint = await spawner.start()
    assert await spawner.wait() == 0
    assert list(await spawner.logs(1)) == ["child: -9"]
    assert engine.inspect_container(endpoint.state["object_id"])["State"]["OOMKilled"]
    assert OOM not in (await spawner.diagnose() or "")


WRITES = "import sys, pathlib; pathlib.Path(sys.argv[1], 'x').write_text('')"


@pytest.mark.docker
@pytest.mark.parametrize(("made", "said"), [("", True), ("for others", False)])
async def test_a_folder_that_the_engine_created_for_root_is_named(spawners, probe, tmp_path, made, said):
    folder = tmp_path / "missing"
    if made:
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
    target = "/work" if said else "/nowhere-to-write"
    spawner = spawners(cmd=[probe[0], "-c", WRITES, target], volumes={str(folder): "/work"})
    await spawner.start()
    assert await spawner.wait() == 1
    assert (
        "cannot write to the folder /work: the folder belongs to root" in (await spawner.diagnose() or "")
    ) == said


@pytest.mark.docker
async def test_a_crash_loop_is_reported_with_exit_code_and_log(spawners, engine):
    spawner = spawners("--writes=1", "--exit=3", extra_host_config={"restart_policy": {"Name": "always"}})
    endpoint = await spawner.start()
    find = lambda: engine.inspect_container(endpoint.state["object_id"])  # noqa: E731 - a look
    wait_for(lambda: find()["RestartCount"] > 1 and find()["State"]["Restarting"])
    assert isinstance(await spawner.poll(), Moved)
    assert "the server ended with exit code 3 and was restarted" in await spawner.diagnose()
    assert list(await spawner.logs(1)) == ["line 0"]


@pytest.mark.docker
async def test_a_hub_that_was_killed_in_mid_start_finds_the_server_in_its_own_network(
    spawners, engine, prefix
):
    """The engine lists networks in any order; the container's own is the one in which it was created."""
    networks = [engine.create_network(f"{prefix}{name}")["Id"] for name in ("-a", "-m", "-z")]
    try:
        settings = {"network_name": f"{prefix}-m"}
        other = spawners(username="db", **settings)
        await other.start()
        spawner = spawners(**settings, links={f"{prefix}-db": "database"})
        endpoint = await spawner.start()
        (attached,) = engine.inspect_container(endpoint.state["object_id"])["NetworkSettings"][
            "Networks"
        ].values()
        assert attached["Links"] == [f"{prefix}-db:database"]
        await other.stop(now=True)
        for network in (networks[0], networks[2]):
            engine.connect_container_to_network(endpoint.state["object_id"], network)
        spawner.new_hub()
        found = (await spawner.inventory())[spawner.server.operation]
        assert found.url == spawner.started.url
        assert await spawner.facts()
        await spawner.stop(now=True)
    finally:
        for network in networks:
            engine.remove_network(network)
