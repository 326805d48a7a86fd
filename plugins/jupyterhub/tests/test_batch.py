"""batchspawner's SlurmSpawner, unmodified, with a real Slurm."""

import os
import shutil
from pathlib import Path

import psutil
import pytest
import requests

from plughub.testing import probe_server
from plughub.testing.accounts import system_user
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.jupyter import shared_jupyter

from .servers import HEADERS, SERVICE, Server
from .shared_packages import copy_packages, write_script
from .slurm_cluster import PROGRAMS, SlurmCluster

CONFIG = """
def choose(spawner):
    if spawner.user_options.get("lab"):
        spawner.cmd = [{lab!r}]

c.JupyterHub.spawner_class = "batchspawner.SlurmSpawner"
c.JupyterHub.log_level = "DEBUG"
c.SlurmSpawner.batchspawner_singleuser_cmd = {wrapper!r}
c.SlurmSpawner.startup_poll_interval = 0.2
c.SlurmSpawner.req_srun = ""
c.SlurmSpawner.req_runtime = "12:00:00"
c.Spawner.environment = {environment!r}
c.Spawner.cmd = [{probe!r}]
c.Spawner.pre_spawn_hook = choose
c.Spawner.poll_interval = 1
c.Spawner.http_timeout = 60
"""
PROFILES = """
from batchspawner import SlurmSpawner
from jupyterhub.spawner import SimpleLocalProcessSpawner

c.JupyterHub.spawner_class = "wrapspawner.ProfilesSpawner"
c.ProfilesSpawner.profiles = [
    ("This machine", "local", SimpleLocalProcessSpawner, {"home_dir_template": "/tmp"}),
    ("Cluster", "cluster", SlurmSpawner, {"req_nprocs": "1"}),
]
"""
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs to run as root"),
    pytest.mark.skipif(not all(map(shutil.which, ("sbatch", "sudo"))), reason=f"needs {', '.join(PROGRAMS)}"),
]


@pytest.fixture(scope="module")
def slurm():
    with SlurmCluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def config(slurm):
    """Config file of a hub whose servers are jobs: probe servers, or JupyterLab on request."""
    lab = shared_jupyter()
    python = lab.parent / "python"
    library = copy_packages(slurm.folder / "library", "batchspawner")
    wrapper = write_script(
        slurm.folder / "batchspawner-singleuser", python, library, "batchspawner.singleuser"
    )
    probe = slurm.folder / "probe"
    probe.write_text(f"#!{python}\n{Path(probe_server.__file__).read_text()}")
    probe.chmod(0o755)
    return SERVICE + CONFIG.format(
        lab=str(lab), wrapper=wrapper, probe=str(probe), environment=slurm.environment
    )


@pytest.fixture(scope="module")
def hub(slurm, config, tmp_path_factory):
    folder, plugins = tmp_path_factory.mktemp("hub"), "jupyterhub,dummy,haproxy"
    with HubProcess(folder, "--plugins", plugins, config=config, env=slurm.environment) as hub:
        yield hub


@pytest.fixture(scope="module")
def hub_with_profiles(slurm, config, tmp_path_factory):
    folder, plugins = tmp_path_factory.mktemp("profiles"), "jupyterhub,dummy,haproxy"
    with HubProcess(folder, "--plugins", plugins, config=config + PROFILES, env=slurm.environment) as hub:
        yield hub


@pytest.fixture
def user():
    with system_user() as account:
        yield account


@pytest.fixture
def server(hub, user, slurm):
    """The server of the user, which is stopped at the end."""
    server = Server(hub, user.pw_name)
    yield server
    server.stop()
    wait_for(lambda: not slurm.jobs(user.pw_name))


def test_jupyterlab_runs_in_a_job_of_its_user_and_the_next_hub_adopts_it(slurm, server):
    server.start(lab=True)
    server.wait_until_ready()
    job = slurm.wait_for_job(server.user, "RUNNING")
    assert 11.9 < server.hours_left() <= 12, "the time limit of the job"
    assert server.get("api/status")["kernels"] == 0
    contents = server.get("api/contents")["content"]
    assert f"jupyterhub_slurmspawner_{job}.log" in [found["path"] for found in contents]
    server.restart_hub()
    assert slurm.jobs(server.user) == {job: "RUNNING"}
    assert server.get("api/status")["kernels"] == 0
    server.stop()
    wait_for(lambda: not slurm.jobs(server.user))


def test_a_job_that_ends_outside_the_hub_is_noticed(slurm, server):
    server.start()
    server.wait_until_ready()
    slurm("scancel", slurm.wait_for_job(server.user, "RUNNING"))
    wait_for(lambda: not server.model)
    assert "the server ended" in server.hub.stderr


def test_a_job_that_waits_in_the_queue_is_cancelled_with_the_start(slurm, server):
    server.start(options="--hold")
    job = slurm.wait_for_job(server.user, "PENDING")
    progress = requests.get(
        f"{server.hub.url}hub/api/users/{server.user}/server/progress", headers=HEADERS, stream=True
    )
    with progress:
        assert any(b"Pending in queue" in line for line in progress.iter_lines())
    assert server.model["pending"] == "spawn"
    server.stop()
    assert slurm.jobs(server.user) == {}
    assert f"Cancelling job {job}" in server.hub.stderr


def test_the_next_hub_cancels_the_job_that_a_killed_hub_was_waiting_for(hub, slurm, server):
    server.start(options="--hold")
    first = slurm.wait_for_job(server.user, "PENDING")
    wait_for(lambda: f'"job_id": "{first}"'.encode() in database_of(hub))
    hub.kill()
    hub.start()
    (second,) = wait_for(lambda: slurm.jobs(server.user).keys() - {first})
    slurm("scontrol", "release", second)
    server.wait_until_ready()
    assert server.get()["environment"]["SLURM_JOB_ID"] == second
    assert slurm.jobs(server.user) == {second: "RUNNING"}


def database_of(hub):
    """Return the database and what was not yet merged into it."""
    return b"".join(path.read_bytes() for path in hub.folder.glob("jupyterhub.sqlite*"))


def test_a_server_keeps_running_while_the_controller_of_slurm_is_away(slurm, server):
    server.start()
    server.wait_until_ready()
    job = slurm.wait_for_job(server.user, "RUNNING")

    def queries():
        return server.hub.stderr.count(f"squeue -h -j {job} ")

    slurm.stop_controller()
    try:
        wait_for(lambda: "Unable to contact slurm controller" in server.hub.stderr)
        before = queries()
        wait_for(lambda: queries() > before)
        assert server.model["ready"]
        environment = server.get()["environment"]
        assert environment["SLURM_JOB_ID"] == job
    finally:
        slurm.start_controller()
    before = queries()
    wait_for(lambda: queries() >= before + 2)
    assert server.model["ready"]
    assert slurm.jobs(server.user) == {job: "RUNNING"}
    assert "Spawner submitting environment" in server.hub.stderr
    assert environment["JUPYTERHUB_API_TOKEN"] not in server.hub.output


@pytest.mark.parametrize("profile", ["local", "cluster"])
def test_a_profile_runs_here_or_in_the_cluster_and_survives_the_hub(hub_with_profiles, slurm, user, profile):
    server = Server(hub_with_profiles, user.pw_name)
    server.start(profile=profile)
    server.wait_until_ready()
    before = server.get()
    assert before["environment"].get("SLURM_CPUS_PER_TASK") == {"local": None, "cluster": "1"}[profile]
    assert "progress reports" not in server.hub.stderr
    server.restart_hub()
    assert server.get()["pid"] == before["pid"]
    server.stop()
    wait_for(lambda: not slurm.jobs(server.user) and not psutil.pid_exists(before["pid"]))
