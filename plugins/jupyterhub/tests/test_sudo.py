"""sudospawner, unmodified, with a hub that is no root and a rule of sudo."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import psutil
import pytest

from plughub.testing import probe_server
from plughub.testing.accounts import system_user
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.jupyter import shared_jupyter

from .servers import SERVICE, Server
from .shared_packages import HUB, OTHERS, copy_packages, write_script

CONFIG = """
c.JupyterHub.spawner_class = "sudospawner.SudoSpawner"
c.SudoSpawner.sudospawner_path = {mediator!r}
c.SudoSpawner.interrupt_timeout = 2
c.SudoSpawner.term_timeout = 2
c.Spawner.poll_interval = 1
"""
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs to run as root"),
    pytest.mark.skipif(shutil.which("sudo") is None, reason="needs sudo"),
]


@pytest.fixture(scope="module")
def user():
    with system_user() as account:
        yield account


@pytest.fixture(scope="module")
def hub(user):
    python = shared_jupyter().parent / "python"
    with system_user() as runner, tempfile.TemporaryDirectory(prefix="plughub-sudo-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        library = copy_packages(folder / "library", *HUB, *OTHERS, "sudospawner")
        mediator = write_script(folder / "sudospawner", python, library, "sudospawner.mediator")
        wrapper = folder / "sudospawner-singleuser"
        # Otherwise the output goes to the hub, and nowhere when that is gone.
        wrapper.write_text(
            f'#!/bin/sh\nWRAPPED=yes exec {python} {folder}/probe.py "$@" >~/server.log 2>&1\n'
        )
        wrapper.chmod(0o755)
        shutil.copy(probe_server.__file__, folder / "probe.py")
        rule = Path("/etc/sudoers.d", f"plughub-tests-{runner.pw_name}")
        rule.write_text(f"{runner.pw_name} ALL=({user.pw_name}) NOPASSWD: {mediator}\n")
        rule.chmod(0o440)
        environment = {"PYTHONPATH": str(library), "HOME": runner.pw_dir, "USER": runner.pw_name}
        config = SERVICE + CONFIG.format(mediator=mediator)
        home = Path(runner.pw_dir, "hub")
        home.mkdir()
        shutil.chown(home, runner.pw_name)
        try:
            with HubProcess(
                home,
                "--plugins",
                "jupyterhub,dummy,haproxy",
                config=config,
                env=environment,
                python=str(python),
                user=runner.pw_name,
            ) as hub:
                yield hub
        finally:
            rule.unlink()


@pytest.fixture
def server(hub, user):
    server = Server(hub, user.pw_name)
    server.start()
    server.wait_until_ready()
    yield server
    server.stop()


def test_a_server_runs_as_its_user_survives_the_hub_and_is_stopped_by_sudo(hub, user, server):
    facts = server.get()
    process = psutil.Process(facts["pid"])
    assert process.uids().real == user.pw_uid != psutil.Process(hub.process.pid).uids().real
    assert facts["environment"]["WRAPPED"] == "yes"
    assert facts["environment"]["HOME"] == user.pw_dir
    server.restart_hub()
    assert server.get()["pid"] == facts["pid"]
    server.stop()
    assert not process.is_running()


def test_a_server_that_ends_is_noticed(server):
    psutil.Process(server.get()["pid"]).send_signal(signal.SIGKILL)
    wait_for(lambda: not server.model)


def test_a_user_whom_no_rule_names_reads_that_the_start_failed(hub):
    with system_user() as other:
        server = Server(hub, other.pw_name)
        reply = server.api("POST", f"/users/{other.pw_name}/server")
        assert reply.status == 500
        assert "could not be started" in reply.body["message"]
        wait_for(lambda: not server.model)
        assert "a password is required" in hub.stderr
