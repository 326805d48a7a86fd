"""What spawner classes for JupyterHub find here, without a hub."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plughub.testing.accounts import system_user
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.quick import starts

from .servers import SERVICE, Server

BEGIN = """
import plughub_jupyterhub
from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.kinds import Server, UserInfo
from traitlets.config import Config

def make(cls, **settings):
    server = Server(user=UserInfo(name="root", id=7), prefix="/user/root/")
    return SpawnerHooks("tests", cls, Config({cls.__name__: settings}))._build(server)
"""


@starts
def run(text):
    """Run Python code in a process of its own, because the import hook stays for the life of a process."""
    done = subprocess.run([sys.executable, "-c", BEGIN + text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def test_a_server_may_set_its_port_and_nothing_that_the_hub_executes():
    done = run("""
from batchspawner import SlurmSpawner
spawner = make(SlurmSpawner)
before = (spawner.batch_query_cmd, spawner.exec_prefix)
spawner.receive({"port": 4711, "batch_query_cmd": "id", "exec_prefix": "", "ip": "10.0.0.1"})
assert spawner.port == 4711 and spawner.ip == "0.0.0.0"
assert before == (spawner.batch_query_cmd, spawner.exec_prefix)
for port in (0, -1, 65536, True, "80", None):
    spawner.receive({"port": port})
    assert spawner.port == 4711
""")
    assert "ignoring posted attributes: batch_query_cmd, exec_prefix, ip" in done.stderr
    assert "invalid port" in done.stderr


def test_settings_of_wrapped_spawners_are_known_once_they_are_imported():
    run("""
from plughub_jupyterhub.plugin import hub_register_configurables
assert hub_register_configurables() == []
from batchspawner import SlurmSpawner
from jupyterhub.spawner import Spawner
found = hub_register_configurables()
assert {Spawner, SlurmSpawner} <= set(found) and len(found) == len(set(found))
""")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to run as root")
def test_set_user_setuid_makes_a_process_a_system_user():
    with system_user() as account:
        done = run(f"""
import subprocess
from jupyterhub.spawner import set_user_setuid
command = ["/bin/sh", "-c", "id -u; id -gn; pwd"]
print(subprocess.run(command, preexec_fn=set_user_setuid({account.pw_name!r}), capture_output=True, text=True).stdout)
""")
    assert done.stdout.split() == [str(account.pw_uid), account.pw_name, account.pw_dir]


def test_the_documented_setting_keeps_a_job_whose_query_fails():
    page = Path(__file__).parents[3] / "docs" / "jupyterhub-classes.md"
    setting = re.search(r'c\.SlurmSpawner\.state_unknown_re = r"(.+?)"', page.read_text())[1]
    run(f"""
import asyncio
from batchspawner import SlurmSpawner
spawner = make(SlurmSpawner, exec_prefix="", state_unknown_re={setting!r})

def poll(command):
    spawner.job_id, spawner.batch_query_cmd = "7", command
    return asyncio.run(spawner.poll())

for failure in ("sudo: a password is required", "slurm_load_jobs error: Zero Bytes were transmitted", "sh: squeue: no"):
    assert poll(f"echo {{failure}} >&2; false") is None, failure
assert poll("echo RUNNING node1") is poll("echo PENDING") is None
assert poll("echo CANCELLED node1") == poll("true") == 1
assert poll("echo slurm_load_jobs error: Invalid job id specified >&2; false") == 1
""")


def test_systemdspawner_names_its_unit_and_passes_limits_and_environment():
    done = run("""
import asyncio, json
from systemdspawner import SystemdSpawner, systemd
given = {}

async def start_transient_service(unit, **facts):
    given.update(facts, unit=unit)

async def runs(unit):
    return bool(given)

async def fails(unit):
    return False

systemd.start_transient_service, systemd.service_running, systemd.service_failed = start_transient_service, runs, fails
spawner = make(SystemdSpawner, mem_limit="2G", cpu_limit=1.5, isolate_tmp=True, unit_name_template="lab-{USERNAME}-{USERID}")
address = asyncio.run(spawner.start())
assert address == ("127.0.0.1", spawner.port)
assert spawner.get_state() == {"unit_name": "lab-root-7"}
print(json.dumps(given))
""")
    given = json.loads(done.stdout)
    assert (given["unit"], given["uid"], given["cmd"]) == ("lab-root-7", 0, ["jupyterhub-singleuser"])
    wanted = {"MemoryMax": 2 * 1024**3, "CPUQuota": "150%", "PrivateTmp": "yes", "NoNewPrivileges": "yes"}
    assert given["properties"].items() >= wanted.items()
    address = given["environment_variables"]["JUPYTERHUB_SERVICE_URL"]
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+/user/root/", address)


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs here")
def test_without_systemd_a_start_of_systemdspawner_fails_with_the_reason_in_the_log(tmp_path):
    unit = f"plughub-tests-{tmp_path.name}-{os.getpid()}"
    config = f"""{SERVICE}
c.JupyterHub.spawner_class = "systemdspawner.SystemdSpawner"
c.SystemdSpawner.unit_name_template = "{unit}"
c.Spawner.start_timeout = 2
c.SystemdSpawner.dynamic_users = True
c.Spawner.cmd = ["/bin/true"]
"""
    try:
        with HubProcess(tmp_path, "--plugins", "jupyterhub,dummy,haproxy", config=config) as hub:
            server = Server(hub, "ada")
            server.start()
            wait_for(lambda: not server.model)
            assert "not been booted with systemd" in hub.stderr
            assert "could not be started in time" in hub.stderr
    finally:
        shutil.rmtree(Path("/run", unit), ignore_errors=True)
