"""wrapspawner's ProfilesSpawner, unmodified, around spawners of the config file, beside an authenticator and a page."""

from __future__ import annotations

from http import HTTPStatus

import pytest
import requests

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.probe_server import PROBE_SERVER

pytestmark = pytest.mark.timeout(180)
TOKEN = "5d" * 16
CONFIG = f"""
from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.spawner import SimpleLocalProcessSpawner

class WordAuthenticator(Authenticator):
    def authenticate(self, handler, data):
        return data["username"] if data["password"] == f"word of {{handler.request.remote_ip}}" else None

class Hello(BaseHandler):
    async def get(self):
        user = await self.get_current_user()
        self.log.info("%s says hello", user.name)
        self.finish(f"hello {{user.name}} at {{self.hub.base_url}}")

class Small(SimpleLocalProcessSpawner):
    pass

class Large(SimpleLocalProcessSpawner):
    async def start(self):
        self.environment = dict(self.environment, SIZE="large")
        return await super().start()

c.JupyterHub.spawner_class = "wrapspawner.ProfilesSpawner"
c.ProfilesSpawner.profiles = [
    ("Small", "small", Small, {{"cmd": {list(PROBE_SERVER)!r}, "environment": {{"SIZE": "small"}}}}),
    ("Large", "large", Large, {{"cmd": {list(PROBE_SERVER)!r}}}),
]
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
c.JupyterHub.services = [{{"name": "tests", "api_token": "{TOKEN}"}}]
c.JupyterHub.extra_handlers = [("/hello", Hello)]
c.JupyterHub.authenticator_class = WordAuthenticator
c.WordAuthenticator.allow_all = True
"""


@pytest.mark.parametrize("profile", ["small", "large"])
def test_a_profile_is_started_survives_the_hub_and_is_stopped(tmp_path, profile):
    with HubProcess(tmp_path, "--plugins", "jupyterhub,haproxy", config=CONFIG) as hub:
        api = ApiClient(hub.url, TOKEN)
        ada = FormClient(hub.url)
        ada.log_in("ada", "word of 127.0.0.1")
        assert ada.get("hub/hello") == "hello ada at /hub/"
        assert api("POST", "/users/ada/server", {"profile": profile}).status < HTTPStatus.BAD_REQUEST
        wait_for(lambda: api("GET", "/users/ada").body["servers"].get("", {}).get("ready"))
        headers = {"Authorization": f"token {TOKEN}"}
        before = requests.get(f"{hub.url}user/ada/", headers=headers).json()
        assert before["environment"]["SIZE"] == profile
        hub.kill()
        hub.start()
        wait_for(lambda: api("GET", "/users/ada").body["servers"].get("", {}).get("ready"))
        assert requests.get(f"{hub.url}user/ada/", headers=headers).json()["pid"] == before["pid"]
        api("DELETE", "/users/ada/server")
        wait_for(lambda: not api("GET", "/users/ada").body["servers"])
