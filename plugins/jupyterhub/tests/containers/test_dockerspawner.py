"""dockerspawner's classes, unmodified, on a real engine, and what its names mean beside the plugin ``docker``."""

from __future__ import annotations

import pwd
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest
import requests

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.quick import starts

from ..suites import passed  # noqa: TID252 - the folder of the tests is no package
from .conftest import TOKEN

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

CAMPUS = """
import os, signal
from pathlib import Path
from dockerspawner import DockerSpawner

class CampusSpawner(DockerSpawner):
    course = "none"

    def get_env(self):
        return {**super().get_env(), "COURSE": self.course}

    async def start(self):
        address = await super().start()
        if Path("kill-the-hub").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return address

async def note_home(spawner):
    spawner.environment["HOME_OF"] = spawner.user.name

c.JupyterHub.spawner_class = CampusSpawner
c.CampusSpawner.course = "physics"
c.DockerSpawner.pre_spawn_hook = note_home
c.DockerSpawner.allowed_images = {"small": c.DockerSpawner.image, "large": "plughub-tests-nowhere:1"}
"""
NAMES = ["DockerSpawner", "SwarmSpawner", "SystemUserSpawner"]
PLUGINS = {"DockerSpawner": "docker", "SwarmSpawner": "swarm", "SystemUserSpawner": "system-user"}
SHORT_NAMES = ["docker", "docker-swarm", "docker-system-user"]


def client_of(hub):
    return ApiClient(hub.url, TOKEN)


def server_of(api):
    return api("GET", "/users/ada").body["servers"].get("", {})


def is_ready(api):
    return server_of(api).get("ready")


def facts_of(hub, name="ada"):
    return requests.get(f"{hub.url}user/{name}/", headers={"Authorization": f"token {TOKEN}"}).json()


@starts
def check(folder, python, config):
    (folder / "jupyterhub_config.py").write_text(config)
    command = [python, "-m", "plughub", "--plugins", "jupyterhub,dummy", "check"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_subclass_with_form_and_hook_runs_survives_the_hub_and_is_removed(tmp_path, settings, containers):
    with HubProcess(tmp_path, "--plugins", "jupyterhub,dummy", config=settings + CAMPUS) as hub:
        api, ada = client_of(hub), FormClient(hub.url)
        assert 'value="large"' in ada.log_in("ada", to="/hub/spawn")
        ada.submit("hub/spawn", image="small")
        wait_for(lambda: is_ready(api))
        environment = facts_of(hub)["environment"]
        assert (environment["COURSE"], environment["HOME_OF"]) == ("physics", "ada")
        [started] = containers()
        assert "plughub.user" not in started["Labels"]
        state = api("GET", "/users/ada").body["servers"][""]["state"]
        assert (state["object_id"], f"/{state['object_name']}") == (started["Id"], *started["Names"])

        hub.kill()
        hub.start()

        wait_for(lambda: is_ready(api))
        assert [one["Id"] for one in containers()] == [started["Id"]]
        api("DELETE", "/users/ada/server")
        wait_for(lambda: not api("GET", "/users/ada").body["servers"] and not containers())

        refused = api("POST", "/users/ada/server", {"image": "unlisted"})
        assert refused.status == HTTPStatus.BAD_REQUEST
        assert refused.body["message"] == "Image unlisted not in allowed list: small, large"
        assert api("POST", "/users/ada/server", {"image": "large"}).status == HTTPStatus.INTERNAL_SERVER_ERROR
        assert "No such image: plughub-tests-nowhere:1" in hub.stderr


def test_a_hub_that_is_killed_in_the_middle_of_a_start_leaves_no_container(tmp_path, settings, containers):
    with HubProcess(tmp_path, "--plugins", "jupyterhub,dummy", config=settings + CAMPUS) as hub:
        (tmp_path / "kill-the-hub").touch()
        client_of(hub)("POST", "/users/ada")
        requests.post(f"{hub.url}hub/api/users/ada/server", headers={"Authorization": f"token {TOKEN}"})
        wait_for(lambda: not hub.is_running)
        [left] = containers()

        (tmp_path / "kill-the-hub").unlink()
        hub.start()

        # The engine may still remove the container when dockerspawner creates the next one of its name.
        wait_for(lambda: is_ready(client_of(hub)) or not server_of(client_of(hub)))
        if not is_ready(client_of(hub)):
            assert "is already in use by container" in hub.stderr
            wait_for(lambda: not containers())
            client_of(hub)("POST", "/users/ada/server")
            wait_for(lambda: is_ready(client_of(hub)))
        assert [one["Id"] != left["Id"] for one in containers()] == [True]
        assert "could not be stopped" not in hub.stderr


def test_a_container_that_was_removed_by_hand_is_noticed_and_can_be_started_again(
    tmp_path, settings, engine, containers
):
    config = settings + CAMPUS + "c.Spawner.poll_interval = 1\n"
    with HubProcess(tmp_path, "--plugins", "jupyterhub,dummy", config=config) as hub:
        api = client_of(hub)
        api("POST", "/users/ada")
        assert api("POST", "/users/ada/server").status == HTTPStatus.CREATED
        engine.remove_container(containers()[0]["Id"], force=True)
        wait_for(lambda: not api("GET", "/users/ada").body["servers"])
        assert api("POST", "/users/ada/server").status == HTTPStatus.CREATED


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("imported", [False, True], ids=["as text", "as class"])
def test_the_names_of_dockerspawner_mean_the_plugins_of_plughub_docker(tmp_path, settings, name, imported):
    value = f"__import__('dockerspawner').{name}" if imported else f"'dockerspawner.{name}'"
    config = f"c.JupyterHub.spawner_class = {value}\n{settings}"
    checked = check(tmp_path, sys.executable, config)
    assert f"plugins: jupyterhub, dummy, {PLUGINS[name]}, haproxy" in checked.stdout, checked.stderr


@pytest.mark.parametrize("name", [*(f"dockerspawner.{name}" for name in NAMES), *SHORT_NAMES])
def test_without_plughub_docker_they_mean_the_classes_of_dockerspawner(tmp_path, settings, name, python):
    config = f"c.JupyterHub.spawner_class = {name!r}\n{settings}"
    checked = check(tmp_path, python, config)
    shown = name.rpartition(".")[2]
    assert f"plugins: jupyterhub, dummy, {shown}, haproxy" in checked.stdout, checked.stderr


@pytest.mark.parametrize("installed", [True, False], ids=["with plughub-docker", "without"])
def test_one_config_file_runs_the_plugin_or_the_class(tmp_path, settings, containers, python, installed):
    config = f"c.JupyterHub.spawner_class = 'dockerspawner.DockerSpawner'\n{settings}"
    interpreter = sys.executable if installed else python
    with HubProcess(tmp_path, "--plugins", "jupyterhub,dummy", config=config, python=interpreter) as hub:
        api = client_of(hub)
        api("POST", "/users/ada")
        assert api("POST", "/users/ada/server").status == HTTPStatus.CREATED
        assert facts_of(hub)["environment"]["JUPYTERHUB_USER"] == "ada"
        assert ["plughub.user" in one["Labels"] for one in containers()] == [installed]
        said = "spawner_class = 'dockerspawner.DockerSpawner' is the plugin 'docker'"
        assert (said in hub.stderr) == installed


def test_a_system_user_spawner_runs_as_the_user_in_the_home_folder(tmp_path, settings, python):
    account = pwd.getpwnam("nobody")
    config = f"""
c.JupyterHub.spawner_class = "dockerspawner.SystemUserSpawner"
c.SystemUserSpawner.host_homedir_format_string = "{tmp_path}/{{username}}"
{settings}"""
    with HubProcess(tmp_path, "--plugins", "jupyterhub,dummy", config=config, python=python) as hub:
        api = client_of(hub)
        api("POST", "/users/nobody")
        assert api("POST", "/users/nobody/server").status == HTTPStatus.CREATED
        facts = facts_of(hub, "nobody")
        assert (facts["uid"], facts["gid"]) == (account.pw_uid, account.pw_gid)
        assert facts["folder"] == facts["environment"]["HOME"] == "/home/nobody"
        assert api("GET", "/users/nobody").body["servers"][""]["state"]["user_id"] == account.pw_uid


def test_the_class_keeps_the_contract_of_spawners(tmp_path):
    assert passed(Path(__file__).parent / "adapted_dockerspawner.py", tmp_path) > 18
