"""jupyterhub-traefik-proxy, unmodified, with a real traefik."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.testing.probe_server import PROBE_SERVER

from .directory import make_certificate

pytestmark = pytest.mark.timeout(180)

TOKEN = "5d" * 16
HEADERS = {"Authorization": f"token {TOKEN}"}
PATH = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
CONFIG = """
c.JupyterHub.proxy_class = {proxy!r}
c.TraefikProxy.traefik_api_url = "http://127.0.0.1:{api}"
c.TraefikProxy.traefik_api_username = "hub"
c.TraefikProxy.traefik_api_password = "secret of the api"
c.Proxy.extra_routes = {{"/other/": "http://127.0.0.1:{api}"}}
c.JupyterHub.allow_worker_scopes = True
c.Spawner.cmd = {command!r}
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "access:servers", "proxy"]}}
]
c.JupyterHub.services = [{{"name": "tests", "api_token": "{token}"}}]
c.DummyAuthenticator.allow_all = True
"""


@pytest.fixture
def run(tmp_path):
    """Function that runs a hub whose proxy is a class of the package."""

    def run(proxy="traefik_file", more="", *arguments):
        config = CONFIG.format(proxy=proxy, api=free_port(), command=list(PROBE_SERVER), token=TOKEN) + more
        return HubProcess(
            tmp_path, "--plugins", "jupyterhub,dummy,simple", *arguments, config=config, env=PATH
        )

    return run


def traefik_of(hub):
    """Return the processes of traefik below the folder of a hub."""
    return [one for one in hub.processes() if one.name() == "traefik"]


def start(hub, name):
    api = ApiClient(hub.url, TOKEN)
    api("POST", f"/users/{name}")
    assert api("POST", f"/users/{name}/server").status == HTTPStatus.CREATED
    return api


def is_served(hub, name="ada"):
    """Return whether the proxy leads to a user's own server."""
    try:
        answer = requests.get(f"{hub.url}user/{name}/", headers=HEADERS, allow_redirects=False)
        return answer.ok and answer.json()["environment"]["JUPYTERHUB_USER"] == name
    except (requests.ConnectionError, requests.JSONDecodeError):
        return False


def test_routes_are_in_the_file_of_traefik_and_survive_a_killed_hub(run):
    with run() as hub:
        api = start(hub, "ada")
        wait_for(lambda: is_served(hub))
        rules = tomllib.loads((hub.folder / "rules.toml").read_text())["jupyterhub"]["routes"]
        data = {route["routespec"]: route["data"] for route in rules.values()}
        user = {"user": "ada", "server_name": ""}
        assert data == {"/": {"hub": True}, "/user/ada/": user, "/other/": {"extra": True}}
        assert api("GET", "/proxy").body.keys() == {"/", "/user/ada/"}
        [before] = traefik_of(hub)

        hub.kill()
        assert is_served(hub)
        hub.start()

        wait_for(lambda: is_served(hub))
        assert [one.pid != before.pid for one in traefik_of(hub)] == [True]
        api("DELETE", "/users/ada/server")
        wait_for(lambda: "/user/ada/" not in (hub.folder / "rules.toml").read_text())
        assert not is_served(hub)


def test_a_user_has_a_host_with_subdomains_and_tls(run, tmp_path):
    port, certificate = free_port(), tmp_path / "site"
    make_certificate(certificate)
    more = f"""
c.JupyterHub.ssl_cert = "{certificate}.crt"
c.JupyterHub.ssl_key = "{certificate}.key"
c.JupyterHub.subdomain_host = "https://hub.test:{port}"
c.JupyterHub.allow_worker_scopes = False
c.Proxy.extra_routes = {{}}
"""
    with run("traefik_file", more, f"--JupyterHub.port={port}") as hub:
        api = ApiClient(f"{hub.hub_url}/", TOKEN)
        api("POST", "/users/ada")
        assert api("POST", "/users/ada/server").status == HTTPStatus.CREATED
        options: dict[str, Any] = {"allow_redirects": False, "verify": f"{certificate}.crt"}
        url = f"https://127.0.0.1:{port}/user/ada/"
        found = {
            host: requests.get(url, headers={**HEADERS, "Host": f"{host}:{port}"}, **options)
            for host in ("ada.hub.test", "eve.hub.test", "hub.test")
        }
        assert found.pop("ada.hub.test").json()["environment"]["JUPYTERHUB_USER"] == "ada"
        assert {answer.status_code for answer in found.values()} == {HTTPStatus.FOUND}


def test_traefik_is_started_again_when_it_has_ended(run):
    with run("jupyterhub_traefik_proxy.fileprovider.TraefikFileProviderProxy") as hub:
        start(hub, "ada")
        wait_for(lambda: is_served(hub))
        [before] = traefik_of(hub)
        before.kill()
        wait_for(lambda: is_served(hub))
        assert [one.pid != before.pid for one in traefik_of(hub)] == [True]


def test_a_traefik_that_the_hub_does_not_start_gets_its_routes_and_stays(run, tmp_path):
    external = "c.TraefikProxy.should_start = False\nc.JupyterHub.cleanup_servers = True\n"
    hub = run(more=external)
    check = [sys.executable, "-m", "plughub", *hub.arguments, "check"]
    assert subprocess.run(check, cwd=tmp_path, env=hub.env, capture_output=True).returncode == 0
    assert not (tmp_path / "rules.toml").exists()
    api = (
        next(
            line
            for line in (tmp_path / "jupyterhub_config.py").read_text().splitlines()
            if "traefik_api_url" in line
        )
        .rpartition("/")[2]
        .strip('"')
    )
    (tmp_path / "static.toml").write_text(
        f"""
[api]
[providers.file]
filename = "{tmp_path}/rules.toml"
watch = true
[entryPoints.http]
address = "127.0.0.1:{hub.port}"
[entryPoints.auth_api]
address = "{api}"
"""
    )
    (tmp_path / "rules.toml").touch()
    traefik = subprocess.Popen(["traefik", "--configfile", f"{tmp_path}/static.toml"], env=hub.env)
    try:
        with hub:
            start(hub, "ada")
            wait_for(lambda: is_served(hub))
            hub.stop()
            assert traefik.poll() is None
    finally:
        traefik.kill()
        traefik.wait()


OTHER_HUB = """
import asyncio, subprocess, sys
import plughub_jupyterhub
from jupyterhub.proxy import Proxy
from plughub.processes import ProcessIdentity

class Launched(Proxy):
    pass

hub, process = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
state = {name: ProcessIdentity.of(one.pid).as_state() for name, one in (("hub", hub), ("process", process))}
try:
    try:
        asyncio.run(Launched().load_state(state))
    except Exception as error:
        print(error)
    print(process.poll())
    hub.kill()
    hub.wait()
    asyncio.run(Launched().load_state(state))
    print(process.wait(timeout=10))
finally:
    hub.kill()
    process.kill()
"""


def test_a_proxy_process_is_ended_only_if_its_hub_process_has_ended():
    made = subprocess.run([sys.executable, "-c", OTHER_HUB], capture_output=True, text=True)
    message, running, code = made.stdout.splitlines()
    assert "belongs to hub process" in message
    assert (running, code) == ("None", "-15")
