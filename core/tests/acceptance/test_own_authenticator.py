"""An authenticator as third parties write them for JupyterHub: secrets, groups, roles, and hooks around
servers.
"""

import http.client
import json
import sys
import urllib.request
from urllib.parse import urlencode, urlsplit

import pytest

from plughub.testing.client import ApiClient
from plughub.testing.hub import HubProcess
from plughub.testing.probe_server import PROBE_SERVER

pytestmark = pytest.mark.timeout(180)
KEY = "6b" * 32
AUTHENTICATOR = '''
import json
from pathlib import Path

from plughub.auth import Authenticator
from plughub.spawner import SimpleLocalProcessSpawner
from traitlets import Unicode


class CampusAuthenticator(Authenticator):
    """What an OAuth authenticator does once the provider has answered."""

    ledger = Unicode("ledger.txt", help="Where accounts are written down.").tag(config=True)

    async def authenticate(self, handler, data):
        if data["password"] != "campus":
            return None
        if handler.request.headers.get("X-Campus"):
            seen = {
                "header": handler.request.headers["x-campus"],
                "cookies": sorted(handler.request.cookies),
                "cookie": handler.get_cookie("campus"),
                "field": handler.get_body_argument("badge"),
                "query": handler.get_query_argument("realm"),
                "remote_ip": handler.request.remote_ip,
                "uri": handler.request.uri,
            }
            Path("seen.json").write_text(json.dumps(seen))
        return {
            "name": data["username"],
            "auth_state": {"access_token": f"for-{data['username']}", "scope": ["openid"]},
            "groups": ["campus", f"year-{len(data['username'])}"],
            "roles": [{"name": "reader", "description": "Reads", "scopes": ["list:users"]}],
        }

    def update_auth_model(self, auth_model):
        return auth_model

    async def pre_spawn_start(self, user, spawner):
        auth_state = await user.get_auth_state()
        if auth_state:
            spawner.environment["CAMPUS_TOKEN"] = auth_state["access_token"]

    async def add_user(self, user):
        super().add_user(user)
        self._note("add", user)

    async def delete_user(self, user):
        state = await user.get_auth_state()
        self._note(f"delete {state and state['access_token']}", user)

    def _note(self, deed, user):
        with Path(self.ledger).open("a") as ledger:
            ledger.write(f"{deed} {user.name}\\n")


class TidySpawner(SimpleLocalProcessSpawner):
    """Never finishes its cleanup after servers."""

    async def delete_forever(self):
        with Path("ledger.txt").open("a") as ledger:
            ledger.write(f"forget {self.user.name}/{self.name}\\n")
'''
CONFIG = f"""
import sys
sys.path.insert(0, ".")
c.JupyterHub.authenticator_class = "campus.CampusAuthenticator"
c.JupyterHub.spawner_class = "campus.TidySpawner"
c.CampusAuthenticator.enable_auth_state = True
c.CampusAuthenticator.manage_groups = True
c.CampusAuthenticator.manage_roles = True
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"root"}}
c.Authenticator.allowed_users = {{"early"}}
c.Spawner.cmd = {list(PROBE_SERVER)!r}
c.SimpleLocalProcessSpawner.home_dir_template = "homes/{{username}}"
"""


def log_in_with_form(hub, name):
    """Log in like a browser that is behind a web server of the campus."""
    host = urlsplit(hub.url).netloc
    connection = http.client.HTTPConnection(host)
    connection.request("GET", "/hub/login")
    page = connection.getresponse()
    page.read()
    sent = page.getheader("Set-Cookie").partition(";")[0]
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"{sent}; campus=blue; jupyterhub-hub-login=another",
        "Referer": f"{hub.url}hub/login",
        "X-Campus": "north",
        "X-Forwarded-For": "6.6.6.6",
        "Authorization": "token of-another",
    }
    form = {"username": name, "password": "campus", "badge": "7", "_xsrf": sent.partition("=")[2]}
    connection.request("POST", "/hub/login?realm=r", urlencode(form), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def log_in(hub, name):
    made = ApiClient(hub.url, "")(
        "POST", f"/users/{name}/tokens", {"auth": {"username": name, "password": "campus"}}
    )
    return ApiClient(hub.url, made.body["token"])


def test_a_third_party_authenticator_works_as_in_jupyterhub(tmp_path):
    (tmp_path / "campus.py").write_text(AUTHENTICATOR)
    with HubProcess(tmp_path, config=CONFIG, env={"JUPYTERHUB_CRYPT_KEY": KEY}) as hub:
        ada, root = log_in(hub, "ada"), log_in(hub, "root")
        assert log_in_with_form(hub, "ada") == 302
        assert json.loads((tmp_path / "seen.json").read_text()) == {
            "header": "north",
            "cookies": ["campus"],
            "cookie": "blue",
            "field": "7",
            "query": "r",
            "remote_ip": "127.0.0.1",
            "uri": "/hub/login?realm=r",
        }
        me = ada("GET", "/user").body
        assert (me["groups"], me["roles"]) == (["campus", "year-3"], ["reader", "user"])
        assert ada("GET", "/users").status == 200
        assert root("POST", "/users/early/server").status in {
            201,
            202,
        }  # an allowed user need not have logged in before
        assert root("GET", "/users/ada").body["auth_state"]["access_token"] == "for-ada"

        assert ada("POST", "/users/ada/server").status in {201, 202}
        with urllib.request.urlopen(f"{hub.url}user/ada/") as answer:
            environment = json.loads(answer.read())["environment"]
        assert environment["CAMPUS_TOKEN"] == "for-ada"

        assert root("DELETE", "/users/ada").status == 204
        assert root("GET", "/users/ada").status == 404
        lines = (tmp_path / "ledger.txt").read_text().splitlines()
        assert lines[-2:] == ["delete for-ada ada", "forget ada/"]
        assert set(lines[:-2]) == {"add ada", "add early", "add root"}


def test_auth_state_without_a_key_prevents_the_start_with_one_message(tmp_path):
    (tmp_path / "campus.py").write_text(AUTHENTICATOR)
    hub = HubProcess(tmp_path, config=CONFIG, env={"JUPYTERHUB_CRYPT_KEY": ""}, python=sys.executable)
    assert hub.run() == 2
    assert "CampusAuthenticator" in hub.stderr
    assert "JUPYTERHUB_CRYPT_KEY" in hub.stderr
    assert "Traceback" not in hub.stderr
