"""wrapspawner's ProfilesSpawner around dockerspawner, both unmodified."""

import pytest
import requests

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess

from .conftest import TOKEN

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]
PROFILES = """
from dockerspawner import DockerSpawner
from jupyterhub.spawner import SimpleLocalProcessSpawner

c.JupyterHub.spawner_class = "wrapspawner.ProfilesSpawner"
c.ProfilesSpawner.profiles = [
    ("This machine", "local", SimpleLocalProcessSpawner, {}),
    # wrapspawner replaces the settings of a class by its own, except those in the profile
    ("Container", "container", DockerSpawner, {
        "cmd": c.DockerSpawner.cmd, "ip": "0.0.0.0", "port": 8888, "mem_limit": "256M"
    }),
]
"""


def test_a_profile_runs_in_a_container_that_survives_the_hub_and_is_removed(tmp_path, settings, containers):
    with HubProcess(tmp_path, "--plugins", "jupyterhub,dummy", config=settings + PROFILES) as hub:
        api = ApiClient(hub.url, TOKEN)

        def is_ready():
            return api("GET", "/users/ada").body["servers"].get("", {}).get("ready")

        api("POST", "/users/ada")
        api("POST", "/users/ada/server", {"profile": "container"})
        wait_for(lambda: is_ready() or "failed in hub_spawn" in hub.stderr)
        assert is_ready(), hub.output
        [started] = containers()
        facts = requests.get(f"{hub.url}user/ada/", headers={"Authorization": f"token {TOKEN}"}).json()
        assert facts["environment"]["MEM_LIMIT"] == str(256 * 1024**2)

        hub.kill()
        hub.start()

        wait_for(is_ready)
        assert [one["Id"] for one in containers()] == [started["Id"]]
        api("DELETE", "/users/ada/server")
        wait_for(lambda: not containers())


OWN = """
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
image = c.DockerSpawner.image
c.DockerSpawner.image = "does-not-exist:1"
c.DockerSpawner.profiles = [
    {"display_name": "Small", "slug": "small", "mem_limit": "256M", "profile_options": {
        "image": {"choices": {"probe": {"kubespawner_override": {"image": image}}}},
    }},
    {"display_name": "Staff", "slug": "staff", "groups": ["staff"]},
]
"""


def test_profiles_of_the_hub_choose_the_image_of_an_unmodified_dockerspawner(tmp_path, settings, containers):
    with HubProcess(tmp_path, "--plugins", "jupyterhub,dummy", config=settings + OWN) as hub:
        api = ApiClient(hub.url, TOKEN)
        api("POST", "/users/ada")
        refused = api("POST", "/users/ada/server", {"profile": "staff"})
        assert (refused.status, "there is no profile 'staff' for you" in refused.body["message"]) == (
            400,
            True,
        )

        api("POST", "/users/ada/server", {"profile": "small", "image": "probe"})
        wait_for(lambda: api("GET", "/users/ada").body["servers"].get("", {}).get("ready"))
        facts = requests.get(f"{hub.url}user/ada/", headers={"Authorization": f"token {TOKEN}"}).json()
        assert facts["environment"]["MEM_LIMIT"] == str(256 * 1024**2)
        assert api("GET", "/users/ada").body["servers"][""]["profile"] == "Small"
        api("DELETE", "/users/ada/server")
        wait_for(lambda: not containers())
