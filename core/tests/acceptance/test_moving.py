"""Takeover of a JupyterHub in place, as docs/moving.md describes it, and the way back."""

import importlib.util
import json
import shutil
import sys
import urllib.request

import pytest

from plughub.testing.client import ApiClient
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.jupyterhub_process import JupyterHubProcess
from plughub.testing.ports import free_port

pytestmark = [
    pytest.mark.node,
    pytest.mark.timeout(180),
    pytest.mark.skipif(importlib.util.find_spec("jupyterhub") is None, reason="jupyterhub is not installed"),
    pytest.mark.skipif(
        shutil.which("configurable-http-proxy") is None, reason="configurable-http-proxy is not installed"
    ),
]
LOGIN_COOKIE = "jupyterhub-hub-login"


def config_of(folder, port, hub_port):
    return f"""
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.proxy_class = "configurable-http-proxy"
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"never-came"}}
c.Spawner.cmd = [{sys.executable!r}, "-m", "plughub.testing.tiny_server"]
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
"""


class Browser(FormClient):
    """A user's browser, for JupyterHub and for this hub."""

    def url_after_login(self, name):
        self.log_in(name)
        return self.page_url

    def is_logged_in(self):
        self.get("hub/home")
        return self.page_url.endswith("/hub/home")


def server_of(url, token):
    facts = ApiClient(url, token).until("/users/ada", lambda user: user["servers"].get("", {}).get("ready"))
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}user/ada/x") as answer:
        return facts["servers"][""]["started"], json.load(answer)["pid"]


def test_logins_tokens_and_running_servers_survive_the_move_and_the_way_back(tmp_path):
    hub = HubProcess(tmp_path)
    config = config_of(tmp_path, hub.port, hub.hub_port)
    (tmp_path / "jupyterhub_config.py").write_text(config)
    url = f"http://127.0.0.1:{hub.port}/"
    ada = Browser(url)
    try:
        with JupyterHubProcess(tmp_path, url):
            ada.log_in("ada")
            login = {"auth": {"username": "ada", "password": "any"}}
            token = ApiClient(url, "")("POST", "/users/ada/tokens", login).body["token"]
            ApiClient(url, token)("POST", "/users/ada/server")
            before = server_of(url, token)

        refused = HubProcess(tmp_path)
        assert refused.run() == 2
        assert "hub upgrade-db" in refused.stderr
        assert HubProcess(tmp_path, "upgrade-db").run() == 0

        hub.start()
        assert server_of(url, token) == before
        assert ada.is_logged_in()
        assert "/never-came" in Browser(url).url_after_login("never-came")
        assert hub.stop() == 0

        (copy,) = tmp_path.glob("jupyterhub.sqlite.*")
        shutil.copy(copy, tmp_path / "jupyterhub.sqlite")
        with JupyterHubProcess(tmp_path, url):
            assert server_of(url, token) == before
            assert not ada.is_logged_in()  # the hub has replaced the cookie by one that contains a session id
            assert Browser(url).log_in("ada")

        hub.arguments = (*hub.arguments, "--upgrade-db")
        hub.start()
        assert server_of(url, token) == before
        assert len(list(tmp_path.glob("jupyterhub.sqlite.*"))) == 2
    finally:
        hub.end_everything()
