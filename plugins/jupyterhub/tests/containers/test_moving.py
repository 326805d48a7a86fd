"""Takeover of a JupyterHub with GitHub login and containers, as docs/moving.md describes it."""

from __future__ import annotations

import shutil
import sys
from http import HTTPStatus

import pytest

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.jupyterhub_process import JupyterHubProcess
from plughub.testing.ports import free_port

from .conftest import TOKEN

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        shutil.which("configurable-http-proxy") is None, reason="configurable-http-proxy is not installed"
    ),
]
CONFIG = """
c.JupyterHub.ip = "127.0.0.1"
c.JupyterHub.port = {port}
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.JupyterHub.authenticator_class = "github"
c.GitHubOAuthenticator.allowed_organizations = {{"lab:core"}}
c.GitHubOAuthenticator.enable_auth_state = True
c.CryptKeeper.keys = ["{key}"]
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:auth_state", "admin:servers"]}}
]
"""


def make_token(url, visitor):
    """Return a token that the user makes on the token page."""
    page = visitor.get(f"{url}hub/token")
    xsrf = next(cookie.value for cookie in visitor.session.cookies if cookie.name == "_xsrf")
    answer = visitor.session.post(
        f"{url}hub/api/users/{visitor.name}/tokens", headers={"X-XSRFToken": xsrf, "Referer": page.url}
    )
    return answer.json()["token"]


@pytest.mark.parametrize("installed", [True, False], ids=["with plughub-docker", "without"])
def test_logins_tokens_secrets_and_containers_survive_the_move(
    tmp_path, settings, containers, python, stand_in, visitors, installed
):
    hub = HubProcess(tmp_path, "--plugins", "jupyterhub", python=sys.executable if installed else python)
    ports = {"port": hub.port, "hub_port": hub.hub_port, "api_port": free_port(), "key": "ab" * 32}
    shared = settings.replace("c.DummyAuthenticator.allow_all = True\n", "")
    config = stand_in.config() + shared + CONFIG.format(**ports)
    (tmp_path / "jupyterhub_config.py").write_text(config)
    url = f"http://127.0.0.1:{hub.port}/"
    tests = ApiClient(url, TOKEN)
    try:
        with JupyterHubProcess(tmp_path, url):
            ada = visitors("ada")
            assert ada.log_in_with_code(url).status_code == HTTPStatus.OK
            api = ApiClient(url, make_token(url, ada))
            assert api("POST", "/users/ada/server").status in {HTTPStatus.CREATED, HTTPStatus.ACCEPTED}
            before = tests.until("/users/ada", lambda user: user["servers"].get("", {}).get("ready"))
            [container] = containers()
        assert HubProcess(tmp_path, "--plugins", "jupyterhub", "upgrade-db", python=hub.python).run() == 0

        hub.start()

        after = tests.until("/users/ada", lambda user: user["servers"].get("", {}).get("ready"))
        assert after["servers"][""]["started"] == before["servers"][""]["started"]
        assert after["auth_state"] == before["auth_state"]
        assert [one["Id"] for one in containers()] == [container["Id"]]
        assert ada.get(f"{url}hub/home").url == f"{url}hub/home"
        assert api("GET", "/user").body["name"] == "ada"
        assert api("DELETE", "/users/ada/server").status in {HTTPStatus.NO_CONTENT, HTTPStatus.ACCEPTED}
        wait_for(lambda: not tests("GET", "/users/ada").body["servers"] and not containers())
        assert api("POST", "/users/ada/server").status == HTTPStatus.CREATED
        for name, expected in (("max", HTTPStatus.OK), ("eve", HTTPStatus.FORBIDDEN)):
            assert visitors(name).log_in_with_code(url).status_code == expected
    finally:
        hub.end_everything()
