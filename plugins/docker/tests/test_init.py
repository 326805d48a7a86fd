"""The config file that ``hub init`` writes for containers: a hub starts with it, and a server in a container."""

import socket
import subprocess
import sys

import pytest

from plughub.testing.client import client_of
from plughub.testing.documents import replaced
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]
OPTIONS = ("-y", "--logins=dummy", "--machines=one", "--admins=ada", "--users=all")


@pytest.mark.parametrize("servers", ["docker", "swarm"])
def test_a_server_starts_with_the_written_file(request, servers, tiny_image, probe, gateway, tmp_path):
    prefix = request.getfixturevalue({"docker": "prefix", "swarm": "swarm_prefix"}[servers])
    command = [sys.executable, "-m", "plughub", "init", *OPTIONS, f"--servers={servers}"]
    subprocess.run(command, cwd=tmp_path, check=True)
    text = (tmp_path / "jupyterhub_config.py").read_text()
    section = f"{servers.capitalize()}Spawner"
    instead = {
        '"quay.io/jupyterhub/singleuser:6.1"': repr(tiny_image),
        "jupyter-{username}": prefix + "-{username}",
    }
    if servers == "swarm":  # the machines of a swarm know each other's names, containers of this one do not
        instead[f'hub_connect_ip = "{socket.gethostname()}"'] = f"hub_connect_ip = {gateway!r}"
    more = f"c.{section}.prefix = {prefix!r}\nc.{section}.cmd = {probe!r}\nc.{section}.stop_timeout = 2\n"
    with HubProcess(tmp_path / "hub", config=replaced(text, instead) + more) as hub:
        call = client_of(hub, "ada")
        assert call("GET", "/user").body["admin"]
        assert call("POST", "/users/ada/server", {}).status in {201, 202}
        call.until("/users/ada", lambda user: user["servers"].get("", {}).get("ready"), 60)
        assert call("DELETE", "/users/ada/server").status in {202, 204}
        call.until("/users/ada", lambda user: not user["servers"] and not user["pending"])
